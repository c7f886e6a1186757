/* A long line on one machine: a rate, a round trip, random loss and a queue, with the kernel's own TCP at both ends.
 *
 *   line RATE_MBIT ROUND_TRIP_MS LOSS_PERCENT QUEUE_KIB MTU
 *
 * It makes two network namespaces of its own, each with a TUN device (10.9.0.1 near, 10.9.0.2 far), and prints
 * "NEAR_PID FAR_PID", the processes that hold them: `nsenter --net=/proc/PID/ns/net` runs a program at that end.  Both
 * are gone when its standard input ends, and nothing is left.  A packet waits in the queue (0 KIB: as much as the line
 * holds in a round trip; what does not fit is dropped), passes at the line's rate, and arrives half a round trip later.
 * At its end it prints, as JSON, what passed from near to far in each tenth of a second, in bytes, and how many packets
 * were dropped by the queue and lost on the way.
 *
 * It needs root, and the device /dev/net/tun.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1 << 16, LARGEST = 65536, TENTHS = 1 << 16, BURST = 64 };

static const uint64_t SECOND = 1000000000, TENTH = 100000000;

struct packet {
    uint64_t arrives;
    ssize_t size;
    unsigned char *bytes;
};

/* What is under way in one direction: a ring, in the order of arrival. */
struct direction {
    struct packet ring[SLOTS];
    uint64_t first, end; /* numbers of packets; a packet's slot is its number modulo SLOTS */
    uint64_t idle_from;  /* when the line will have passed all that waits */
    uint64_t dropped, lost;
};

static struct direction ways[2];
static uint64_t passed[TENTHS]; /* bytes from near to far by tenths of a second */
static double bytes_a_second, lost_part, room;
static uint64_t half_way, started;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void bring_up(int control, const char *name) {
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    strcpy(request.ifr_name, name);
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0) die("SIOCSIFFLAGS");
}

static void set_address(int control, const char *name, unsigned long what, const char *address) {
    struct ifreq request = {0};
    struct sockaddr_in *at = (struct sockaddr_in *)&request.ifr_addr;
    strcpy(request.ifr_name, name);
    at->sin_family = AF_INET;
    inet_pton(AF_INET, address, &at->sin_addr);
    if (ioctl(control, what, &request) < 0) die(address);
}

/* In the namespace that is this process's: its device, up and with an address. */
static int open_device(const char *address, int mtu) {
    static const char name[] = "line0";
    struct ifreq tun = {.ifr_flags = IFF_TUN | IFF_NO_PI}, size = {.ifr_mtu = mtu}, length = {.ifr_qlen = 10000};
    int control = socket(AF_INET, SOCK_DGRAM, 0), device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (control < 0 || device < 0) die("/dev/net/tun");
    strcpy(tun.ifr_name, name);
    strcpy(size.ifr_name, name);
    strcpy(length.ifr_name, name);
    if (ioctl(device, TUNSETIFF, &tun) < 0) die("TUNSETIFF");
    set_address(control, name, SIOCSIFADDR, address);
    set_address(control, name, SIOCSIFNETMASK, "255.255.255.252");
    if (ioctl(control, SIOCSIFMTU, &size) < 0 || ioctl(control, SIOCSIFTXQLEN, &length) < 0) die("SIOCSIFMTU");
    bring_up(control, name);
    bring_up(control, "lo");
    close(control);
    return device;
}

static void hand_over(int to, int descriptor) {
    char byte = 0, space[CMSG_SPACE(sizeof descriptor)] = {0};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
    if (sendmsg(to, &message, 0) < 0) die("sendmsg");
}

static int take_over(int from) {
    int descriptor;
    char byte, space[CMSG_SPACE(sizeof descriptor)];
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    if (recvmsg(from, &message, 0) <= 0 || CMSG_FIRSTHDR(&message) == NULL) exit(1); /* the other one said why */
    memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof descriptor);
    return descriptor;
}

/* A process that holds a namespace until this one ends; its device's descriptor is here. */
static pid_t make_end(const char *address, int mtu, int *device) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) die("socketpair");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        if (unshare(CLONE_NEWNET) < 0) die("unshare");
        hand_over(pair[1], open_device(address, mtu));
        for (;;) pause();
    }
    close(pair[1]);
    *device = take_over(pair[0]);
    close(pair[0]);
    return pid;
}

/* A packet has come to the line. */
static void enter(struct direction *way, const unsigned char *bytes, ssize_t size, uint64_t at) {
    uint64_t begins = way->idle_from > at ? way->idle_from : at;
    if (lost_part > 0 && drand48() < lost_part) {
        way->lost++;
        return;
    }
    if ((double)(begins - at) * bytes_a_second / SECOND + (double)size > room || way->end - way->first == SLOTS) {
        way->dropped++;
        return;
    }
    struct packet *packet = &way->ring[way->end++ % SLOTS];
    way->idle_from = begins + (uint64_t)((double)size * SECOND / bytes_a_second);
    packet->arrives = way->idle_from + half_way;
    packet->size = size;
    packet->bytes = malloc((size_t)size);
    if (packet->bytes == NULL) die("malloc");
    memcpy(packet->bytes, bytes, (size_t)size);
    if (way == &ways[0]) {
        uint64_t tenth = (way->idle_from - started) / TENTH;
        if (tenth < TENTHS) passed[tenth] += (uint64_t)size;
    }
}

/* Hand over what has arrived; when the next one does. */
static uint64_t arrive(struct direction *way, int device, uint64_t at) {
    while (way->first != way->end) {
        struct packet *packet = &way->ring[way->first % SLOTS];
        if (packet->arrives > at) return packet->arrives;
        if (write(device, packet->bytes, (size_t)packet->size) < 0 && errno != EAGAIN && errno != EIO) die("write");
        free(packet->bytes);
        way->first++;
    }
    return UINT64_MAX;
}

static void report(void) {
    uint64_t last = (now() - started) / TENTH;
    printf("{\"tenths\": [");
    for (uint64_t i = 0; i <= last && i < TENTHS; i++) printf("%s%llu", i ? ", " : "", (unsigned long long)passed[i]);
    printf("], \"dropped\": %llu, \"lost\": %llu}\n", (unsigned long long)(ways[0].dropped + ways[1].dropped),
           (unsigned long long)(ways[0].lost + ways[1].lost));
    fflush(stdout);
}

int main(int argc, char **argv) {
    static unsigned char packet[LARGEST];
    int devices[2];
    if (argc != 6) {
        fprintf(stderr, "line RATE_MBIT ROUND_TRIP_MS LOSS_PERCENT QUEUE_KIB MTU\n");
        return 2;
    }
    int mtu = atoi(argv[5]);
    bytes_a_second = atof(argv[1]) * 1e6 / 8;
    half_way = (uint64_t)(atof(argv[2]) / 2 * 1e6);
    lost_part = atof(argv[3]) / 100;
    room = atof(argv[4]) > 0 ? atof(argv[4]) * 1024 : bytes_a_second * atof(argv[2]) / 1e3;
    if (room < 16.0 * mtu) room = 16.0 * mtu;
    srand48(1);
    pid_t near = make_end("10.9.0.1", mtu, &devices[0]), far = make_end("10.9.0.2", mtu, &devices[1]);
    started = now();
    printf("%d %d\n", near, far);
    fflush(stdout);
    for (;;) {
        struct pollfd polled[3] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        uint64_t at = now(), next = UINT64_MAX;
        for (int i = 0; i < 2; i++) {
            uint64_t due = arrive(&ways[i], devices[1 - i], at);
            if (due < next) next = due;
        }
        at = now();
        uint64_t wait = next == UINT64_MAX ? SECOND : next > at ? next - at : 0;
        struct timespec timeout = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
        if (ppoll(polled, 3, &timeout, NULL) < 0 && errno != EINTR) die("ppoll");
        if (polled[2].revents) break;
        for (int i = 0; i < 2; i++) {
            for (int burst = 0; burst < BURST; burst++) {
                ssize_t got = read(devices[i], packet, sizeof packet);
                if (got <= 0) break;
                enter(&ways[i], packet, got, now());
            }
        }
    }
    report();
    kill(near, SIGKILL);
    kill(far, SIGKILL);
    return 0;
}
