/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void probe_cpu(char *cpu, size_t size)
{
    snprintf(cpu, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(cpu, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    fclose(f);
}

/* The management library of the driver, by the names that it exports: unlike CUDA it may be used before a fork. */
struct nvml {
    int (*init)(void);
    int (*count)(unsigned *devices);
    int (*device)(unsigned index, void **device);
    int (*name)(void *device, char *name, unsigned size);
    int (*shutdown)(void);
};

static int find(void *library, const char *symbol, void *slot)
{
    void *function = dlsym(library, symbol);
    memcpy(slot, &function, sizeof function);
    return function != NULL;
}

static void probe_gpus(struct ttt_machine *machine)
{
    struct nvml nvml;
    unsigned count = 0;
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW), *device = NULL;
    if (library && find(library, "nvmlInit_v2", &nvml.init) && find(library, "nvmlDeviceGetCount_v2", &nvml.count) &&
        find(library, "nvmlDeviceGetHandleByIndex_v2", &nvml.device) &&
        find(library, "nvmlDeviceGetName", &nvml.name) && find(library, "nvmlShutdown", &nvml.shutdown) &&
        nvml.init() == 0) {
        if (nvml.count(&count) != 0)
            count = 0;
        for (unsigned i = 0; i < count && machine->gpus < TTT_MACHINE_GPUS; i++) {
            char *name = machine->gpu[machine->gpus];
            if (nvml.device(i, &device) == 0 && nvml.name(device, name, sizeof machine->gpu[0]) == 0)
                machine->gpus++;
        }
        nvml.shutdown();
    }
    if (library)
        dlclose(library);
}

static int64_t physical_memory(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
}

void ttt_machine_probe(struct ttt_machine *machine)
{
    struct utsname u;
    *machine = (struct ttt_machine){.cores = sysconf(_SC_NPROCESSORS_ONLN)};
    machine->memory_bytes = physical_memory();
    if (uname(&u) == 0)
        snprintf(machine->system, sizeof machine->system, "%.80s %.80s %.80s", u.sysname, u.release, u.machine);
    probe_cpu(machine->cpu, sizeof machine->cpu);
    probe_gpus(machine);
}

int ttt_machine_fits(const char *what, int64_t bytes, char *error, size_t error_size)
{
    const double gib = 1 << 30;
    if (bytes <= physical_memory())
        return 0;
    snprintf(error, error_size, "%s takes %.3g GiB of memory, and this machine has %.3g GiB", what, (double)bytes / gib,
             (double)physical_memory() / gib);
    return -1;
}

int64_t ttt_peak_rss_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

void ttt_peak_rss_reset(void)
{
#ifdef __GLIBC__
    malloc_trim(0); /* what was freed, but not yet given back, is nobody's */
#endif
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (!f)
        return;
    fputs("5", f);
    fclose(f);
}
