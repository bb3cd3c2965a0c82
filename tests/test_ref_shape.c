/* SPDX-License-Identifier: MIT
 *
 * Counts of a shape, how threads and heads meet, the workspace's layout, and a team's barrier.
 */
#include "ref/shape.h"
#include "ref/team.h"
#include "tests/run.h"
#include <check.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

static struct ttt_mlp_shape shape_of(int64_t B, int64_t H, int64_t N, int64_t C, int64_t G)
{
    return (struct ttt_mlp_shape){B, H, N, C, 4, 5, G, 1e-6, 0};
}

static void look_away(void *context, const struct ttt_mlp_stage *stage)
{
    (void)context;
    (void)stage;
}

START_TEST(short_mini_batches_and_groups_count)
{
    static const int64_t known[][5] = {
        /* N, C, G, NC, K */
        {1, 1, 1, 1, 1},
        {64, 16, 1, 4, 4},
        {65, 16, 1, 5, 5},
        {65, 16, 2, 5, 3},
        {65, 16, 5, 5, 1},
        {65, 16, 99, 5, 1},
        {5, 16, 1, 1, 1},
        {INT64_MAX, 1, INT64_MAX, INT64_MAX, 1},
        {80, 16, 4, 5, 2},
        {80, 16, 6, 5, 1},
        {INT64_MAX, 1, 1, INT64_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct ttt_mlp_shape s = shape_of(1, 1, known[i][0], known[i][1], known[i][2]);
        ck_assert_int_eq(ttt_ref_mini_batches(&s), known[i][3]);
        ck_assert_int_eq(ttt_ref_checkpoints(&s), known[i][4]);
    }
}
END_TEST

START_TEST(threads_follow_the_options)
{
    omp_set_num_threads(3);
    ck_assert_int_eq(ttt_ref_threads(NULL), 3);
    ck_assert_int_eq(ttt_ref_threads(&(struct ttt_ref_options){.threads = 0}), 3);
    ck_assert_int_eq(ttt_ref_threads(&(struct ttt_ref_options){.threads = 5}), 5);
    ck_assert_int_eq(ttt_ref_threads(&(struct ttt_ref_options){.threads = 5, .probe = look_away}), 1);
    omp_set_num_threads(TTT_REF_MAX_THREADS + 1);
    ck_assert_int_eq(ttt_ref_threads(NULL), TTT_REF_MAX_THREADS);
}
END_TEST

/* The number of parts decides bits, so nothing but the shape may decide it; teams do not. */
START_TEST(parts_and_teams_are_in_range)
{
    static const int64_t heads[][2] = {{1, 1}, {1, 7}, {2, 4}, {3, 10}, {48, 48}, {1000000, 1000000}, {INT64_MAX, 1}};
    for (int i = 0; i < 7; i++) {
        const struct ttt_mlp_shape s = shape_of(heads[i][0], heads[i][1], 64, 16, 1);
        const double count = (double)heads[i][0] * (double)heads[i][1];
        omp_set_num_threads(1);
        const int parts = ttt_ref_parts(&s);
        omp_set_num_threads(64);
        ck_assert_int_eq(ttt_ref_parts(&s), parts);
        ck_assert(parts >= 1 && parts <= 64);
        for (int threads = 1; threads <= TTT_REF_MAX_THREADS; threads *= 2) {
            const int teams = ttt_ref_teams(&s, threads);
            ck_assert(teams >= 1 && teams <= threads && teams <= count);
        }
    }
}
END_TEST

/* What a pass does twice: count, then lay out. */
static size_t take_three(struct ttt_ref_arena *a, char *place[3])
{
    place[0] = ttt_ref_arena_take(a, 3, 5, 8);
    place[1] = ttt_ref_arena_take(a, 0, 7, 8);
    place[2] = ttt_ref_arena_take(a, 1, 1, 2);
    return a->used;
}

START_TEST(an_arena_is_laid_out_as_counted)
{
    _Alignas(TTT_REF_ALIGNMENT) char memory[256];
    struct ttt_ref_arena count = {.base = NULL}, real = {.base = memory};
    char *place[3];
    ck_assert_uint_eq(take_three(&count, place), 128 + 64);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_eq(place[i], NULL);
    ck_assert_uint_eq(take_three(&real, place), count.used);
    ck_assert_ptr_eq(place[0], memory);
    ck_assert_ptr_eq(place[1], memory + 128);
    ck_assert_ptr_eq(place[2], memory + 128);
    ck_assert(!count.overflow && !real.overflow);
}
END_TEST

START_TEST(an_arena_notices_overflow)
{
    static const int64_t large[][2] = {
        {INT64_MAX, 1}, {(int64_t)1 << 32, (int64_t)1 << 32}, {(int64_t)1 << 60, 1}, {INT64_MAX / 8, 1}};
    for (int i = 0; i < 4; i++) {
        struct ttt_ref_arena a = {.base = NULL};
        ttt_ref_arena_take(&a, large[i][0], large[i][1], 8);
        ck_assert(a.overflow);
        ck_assert_uint_eq(a.used, 0);
    }
    struct ttt_ref_arena a = {.base = NULL}; /* each fits, their sum does not */
    ttt_ref_arena_take(&a, (int64_t)1 << 59, 1, 8);
    ck_assert(!a.overflow);
    ttt_ref_arena_take(&a, (int64_t)1 << 59, 1, 8);
    ck_assert(a.overflow);
    ttt_ref_arena_take(&a, 1, 1, 8); /* and it is not forgotten */
    ck_assert(a.overflow);
}
END_TEST

/* Members add to a plain counter each, and after every wait see what all others had done before it. */
enum { MEMBERS = 5, ROUNDS_OF_TEAM = 2000 };

struct member {
    struct ttt_ref_team *team;
    int (*done)[MEMBERS];
    int me, wrong;
};

static void *work(void *argument)
{
    struct member *m = argument;
    for (int round = 0; round < ROUNDS_OF_TEAM; round++) {
        m->done[round % 2][m->me] = round;
        ttt_ref_team_wait(m->team);
        for (int i = 0; i < MEMBERS; i++)
            m->wrong += m->done[round % 2][i] != round;
    }
    return NULL;
}

START_TEST(a_team_waits_for_all_its_members)
{
    struct ttt_ref_team team = {.members = MEMBERS};
    struct member member[MEMBERS];
    pthread_t thread[MEMBERS];
    int done[2][MEMBERS] = {{0}};
    atomic_init(&team.arrived, 0);
    atomic_init(&team.round, 0);
    for (int i = 0; i < MEMBERS; i++) {
        member[i] = (struct member){&team, done, i, 0};
        ck_assert(!pthread_create(&thread[i], NULL, work, &member[i]));
    }
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert(!pthread_join(thread[i], NULL));
        ck_assert_int_eq(member[i].wrong, 0);
    }
    struct ttt_ref_team alone = {.members = 1};
    ttt_ref_team_wait(&alone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ref_shape");
    TCase *tc = tcase_create("shape");
    tcase_add_test(tc, short_mini_batches_and_groups_count);
    tcase_add_test(tc, threads_follow_the_options);
    tcase_add_test(tc, parts_and_teams_are_in_range);
    tcase_add_test(tc, an_arena_is_laid_out_as_counted);
    tcase_add_test(tc, an_arena_notices_overflow);
    tcase_add_test(tc, a_team_waits_for_all_its_members);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
