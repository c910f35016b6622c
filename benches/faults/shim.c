/* Stands between a program and the C library, by LD_PRELOAD, and makes the machine worse than it is:
 *
 *   SHIM_STEP=SECONDS@AFTER  after so many milliseconds the wall clock steps by so many seconds
 *   SHIM_NO_LOCKS=1          the file system has no locks
 *   SHIM_SYNCED=FOLDER       what is synced is copied into this folder, named by its number on the file system: of a file
 *                            its bytes, of a folder the names in it, each behind its number. What is not there, or is more
 *                            elsewhere, is what a loss of power would take
 *
 * cc -shared -fPIC -O1 -o shim.so shim.c -ldl
 */
#define _GNU_SOURCE
#include <dirent.h>
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

/* Writes down what a folder holds: a number and a name a line. */
static void keep_names(const char *link, int to) {
    DIR *folder = opendir(link);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        dprintf(to, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name);
    if (folder) closedir(folder);
}

/* Copies the bytes of a file. */
static void keep_bytes(const char *link, int to) {
    char block[65536];
    ssize_t length;
    int from = open(link, O_RDONLY);

    while (from >= 0 && (length = read(from, block, sizeof block)) > 0)
        if (write(to, block, length) != length) break;
    if (from >= 0) close(from);
}

/* Keeps a file or a folder as it is now. A kill in the middle leaves what was kept before. */
static void keep(int file) {
    const char *folder = getenv("SHIM_SYNCED");
    char link[64], copy[4096], half[4200];
    struct stat what;

    if (!folder || fstat(file, &what)) return;
    int is_folder = S_ISDIR(what.st_mode);
    if (!is_folder && !S_ISREG(what.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    snprintf(copy, sizeof copy, "%s/%llu", folder, (unsigned long long)what.st_ino);
    snprintf(half, sizeof half, "%s.half", copy);

    int to = open(half, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0) return;
    if (is_folder) keep_names(link, to);
    else keep_bytes(link, to);
    close(to);
    rename(half, copy);
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
