# SPDX-License-Identifier: MIT
# CUDA C++ to C++ for the emulated device: the three things that are not C++.
#   kernel<<<grid, block, ...>>>(arguments);   a call of emulated::launch
#   __shared__ variables                       references into the block's memory
#   __global__ kernels                         their first statement says how large a cluster is
# Usage: awk -v name=FILE -f translate.awk FILE
BEGIN { printf "#line 1 \"%s\"\n", name }

/<<</ { # a launch: up to the end of the statement, on one line
    while ($0 !~ /;[ \t]*$/ && (getline more) > 0) {
        sub(/^[ \t]*/, " ", more)
        $0 = $0 more
        joined++
    }
    begin = index($0, "<<<")
    end = index($0, ">>>")
    before = substr($0, 1, begin - 1)
    match(before, /[A-Za-z_][A-Za-z_0-9:]*(<[^<>;]*>)?$/)
    kernel = substr(before, RSTART)
    before = substr(before, 1, RSTART - 1)
    call = substr($0, end + 3)
    sub(/;[ \t]*$/, "", call)
    printf "%semulated::launch([=] { %s%s; }, %s);\n", before, kernel, call, substr($0, begin + 3, end - begin - 3)
    for (; joined > 0; joined--)
        print ""
    next
}

/__shared__/ {
    indent = $0
    sub(/[^ \t].*/, "", indent)
    alignment = 16
    if (match($0, /(__align__|alignas)\([^()]*\)/)) {
        alignment = substr($0, RSTART, RLENGTH)
        $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
        sub(/^[^(]*/, "", alignment)
    }
    match($0, /[A-Za-z_0-9]+(\[[^;]*\])?;/)
    variable = dimensions = substr($0, RSTART, RLENGTH - 1)
    type = substr($0, 1, RSTART - 1)
    sub(/\[.*/, "", variable)
    sub(/^[^[]*/, "", dimensions)
    gsub(/extern|__shared__/, "", type)
    if ($0 ~ /extern/)
        printf "%s%s *const %s = reinterpret_cast<%s *>(emulated::dynamic_shared());\n", indent, type, variable, type
    else
        printf "%stypedef %s %s_shared%s; %s_shared &%s = *static_cast<%s_shared *>(emulated::shared_variable(__FILE__, __LINE__, sizeof(%s_shared), %s));\n", \
            indent, type, variable, dimensions, variable, variable, variable, variable, alignment
    next
}

/__global__/ {
    kernel_follows = 1
    cluster = "1"
}

kernel_follows && match($0, /__cluster_dims__\([^()]*\)/) {
    cluster = substr($0, RSTART + 17, RLENGTH - 18)
}

kernel_follows && /;[ \t]*$/ { kernel_follows = 0 }

kernel_follows && /\{[ \t]*$/ {
    print $0 " emulated::kernel_begins(" cluster ");"
    kernel_follows = 0
    next
}

{ print }
