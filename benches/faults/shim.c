/* Stands between a program and the C library, by LD_PRELOAD, and makes the machine worse than it is:
 *
 *   SHIM_STEP=SECONDS@AFTER  after so many milliseconds the wall clock steps by so many seconds
 *   SHIM_NO_LOCKS=1          the file system has no locks
 *   SHIM_SYNCED=FOLDER       what is synced is copied into this folder, under names that tell from where: what is not
 *                            there, or is longer elsewhere, is what a loss of power would take
 *
 * cc -shared -fPIC -O1 -o shim.so shim.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long step_seconds, step_after_ms;
static struct timespec began;

__attribute__((constructor)) static void begin(void) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    const char *step = getenv("SHIM_STEP");

    real(CLOCK_MONOTONIC, &began);
    if (step) sscanf(step, "%ld@%ld", &step_seconds, &step_after_ms);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);

    if (result == 0 && step_seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        struct timespec now;
        real(CLOCK_MONOTONIC, &now);
        long passed = (now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000;
        if (passed >= step_after_ms) time->tv_sec += step_seconds;
    }
    return result;
}

int flock(int file, int operation) {
    if (getenv("SHIM_NO_LOCKS")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    return real(file, operation);
}

/* Copies a file as it is now. The name of the copy is the path with % for /. */
static void keep(int file) {
    const char *folder = getenv("SHIM_SYNCED");
    char link[64], path[3000], copy[4096], block[65536];
    struct stat what;

    if (!folder || fstat(file, &what) || !S_ISREG(what.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    for (char *c = path; *c; c++) if (*c == '/') *c = '%';
    snprintf(copy, sizeof copy, "%s/%s", folder, path);

    int from = open(link, O_RDONLY), to = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while (from >= 0 && to >= 0 && (length = read(from, block, sizeof block)) > 0)
        if (write(to, block, length) != length) break;
    if (from >= 0) close(from);
    if (to >= 0) close(to);
}

int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    int result = real(file);
    if (result == 0) keep(file);
    return result;
}

int fdatasync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    int result = real(file);
    if (result == 0) keep(file);
    return result;
}
