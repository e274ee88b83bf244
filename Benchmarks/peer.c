// The other ends of a benchmark: an upstream that answers after a set time, clients that time each call or count
// streamed events, and a probe of the disk. One thread, epoll, no allocation per call.
//
//   peer serve PORT DELAY_MICROS EVENTS         answers calls after the delay; a stream sends an event each delay
//   peer calls PORT CONNECTIONS CALLS REQUEST   sends the file REQUEST again and again, prints percentiles
//   peer streams PORT STREAMS REQUEST [PERIOD]  sends it once on each connection, counts events and reads; with the period of
//                                               their events in µs, begins them spread over it and times how much later each
//                                               read comes after the one before than that
//   peer sync FOLDER COUNT                      writes and syncs COUNT small blocks, prints percentiles
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 32 * 1024, CONNECTIONS = 4096, QUEUE = 8192, BATCH = 256 };

#define ANSWER_BODY                                                                                             \
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0," \
    "\"message\":{\"role\":\"assistant\",\"content\":\"Good day.\"},\"finish_reason\":\"stop\"}],"              \
    "\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":3,\"total_tokens\":43}}"
#define STREAM_HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: " \
    "chunked\r\n\r\n"
#define CHUNK_FACTS "\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\","
#define EVENT                                                                                                    \
    "data: {" CHUNK_FACTS "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]," \
    "\"usage\":null}\n\n"
#define FINISH                                                                                             \
    "data: {" CHUNK_FACTS "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
#define USAGE                                        \
    "data: {" CHUNK_FACTS "\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":200,\"total_tokens\":240}}\n\n"
#define DONE "data: [DONE]\n\n"

struct connection {
    int fd;
    size_t filled;
    int64_t sent;
    int events;  // of a stream: still to come; of a client: not used
    int done;
    char tail[8];
    char bytes[BUFFER];
};

static struct connection connections[CONNECTIONS];
static int poller;

static void fail(const char *what) {
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void watch(int fd, int index) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

static void send_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n < 0) return;  // the reader finds the end of the connection
        bytes += n;
        count -= (size_t)n;
    }
}

// The length of the whole message at the front of a buffer; 0 while it is not there, -1 when it is none.
static long whole_message(const char *bytes, size_t filled) {
    const char *end = memmem(bytes, filled, "\r\n\r\n", 4);
    if (end == NULL) return filled == BUFFER ? -1 : 0;
    size_t head = (size_t)(end - bytes) + 4;
    for (const char *line = bytes; line < end; line = (const char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2) {
        if (strncasecmp(line, "content-length:", 15) == 0) {
            size_t length = head + strtoul(line + 15, NULL, 10);
            return length > BUFFER ? -1 : filled >= length ? (long)length : 0;
        }
        if (strncasecmp(line, "transfer-encoding:", 18) == 0) {
            const char *last = memmem(end + 2, filled - head + 2, "\r\n0\r\n\r\n", 7);
            return last == NULL ? 0 : (long)(last - bytes) + 7;
        }
    }
    return (long)head;
}

// MARK: The upstream

static struct { int64_t due; int index; } queue[QUEUE];
static unsigned queue_first, queue_next;
static int64_t delay;
static int events_of_a_stream;

static void answer_later(int index, int64_t from) {
    if (queue_next - queue_first == QUEUE) { errno = ENOBUFS; fail("queue"); }
    queue[queue_next % QUEUE].due = from + delay;
    queue[queue_next++ % QUEUE].index = index;
}

static void send_answer(struct connection *c) {
    char head[128];
    int length = snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n" , strlen(ANSWER_BODY));
    char whole[1024];
    memcpy(whole, head, (size_t)length);
    memcpy(whole + length, ANSWER_BODY, strlen(ANSWER_BODY));
    send_all(c->fd, whole, (size_t)length + strlen(ANSWER_BODY));
}

static size_t put_chunk(char *at, const char *event) {
    return (size_t)sprintf(at, "%zx\r\n%s\r\n", strlen(event), event);
}

static void send_event(struct connection *c, int index, int64_t due) {
    char out[4096];
    size_t length = 0;
    if (c->events == events_of_a_stream) length += (size_t)sprintf(out, "%s", STREAM_HEAD);
    if (--c->events > 0) {
        length += put_chunk(out + length, EVENT);
        answer_later(index, due);
    } else {
        length += put_chunk(out + length, FINISH);
        length += put_chunk(out + length, USAGE);
        length += put_chunk(out + length, DONE);
        length += (size_t)sprintf(out + length, "0\r\n\r\n");
    }
    send_all(c->fd, out, length);
}

static void serve_requests(struct connection *c, int index) {
    long length;
    while ((length = whole_message(c->bytes, c->filled)) > 0) {
        int stream = memmem(c->bytes, (size_t)length, "\"stream\":true", 13) != NULL;
        memmove(c->bytes, c->bytes + length, c->filled - (size_t)length);
        c->filled -= (size_t)length;
        c->events = stream ? events_of_a_stream : 0;
        if (delay == 0 && !stream) send_answer(c);
        else answer_later(index, now());
    }
    if (length < 0) { fprintf(stderr, "peer: a request that is none\n"); exit(1); }
}

static void drop(struct connection *c, int index) {
    close(c->fd);
    c->fd = -1;
    for (unsigned i = queue_first; i != queue_next; i++)
        if (queue[i % QUEUE].index == index) queue[i % QUEUE].index = -1;
}

__attribute__((noreturn)) static void serve(int port) {
    for (int i = 0; i < CONNECTIONS; i++) connections[i].fd = -1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) fail("listen");
    // epoll's own time-outs are whole milliseconds.
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(listener, CONNECTIONS);
    watch(timer, CONNECTIONS + 1);
    int64_t armed = 0;
    for (;;) {
        if (queue_first != queue_next && queue[queue_first % QUEUE].due != armed) {
            armed = queue[queue_first % QUEUE].due;
            struct itimerspec at = {.it_value = {armed / 1000000000, armed % 1000000000}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        }
        struct epoll_event ready[BATCH];
        int count = epoll_wait(poller, ready, BATCH, -1);
        for (int i = 0; i < count; i++) {
            int index = (int)ready[i].data.u32;
            if (index == CONNECTIONS) {
                int fd, slot = 0;
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    while (slot < CONNECTIONS && connections[slot].fd >= 0) slot++;
                    if (slot == CONNECTIONS) { errno = EMFILE; fail("accept"); }
                    connections[slot].fd = fd;
                    connections[slot].filled = 0;
                    watch(fd, slot);
                }
            } else if (index == CONNECTIONS + 1) {
                uint64_t expirations;
                if (read(timer, &expirations, sizeof expirations) < 0) continue;
            } else {
                struct connection *c = &connections[index];
                ssize_t n = recv(c->fd, c->bytes + c->filled, BUFFER - c->filled, 0);
                if (n < 0 && errno == EAGAIN) continue;
                if (n <= 0) { drop(c, index); continue; }
                c->filled += (size_t)n;
                serve_requests(c, index);
            }
        }
        while (queue_first != queue_next && queue[queue_first % QUEUE].due <= now()) {
            int index = queue[queue_first % QUEUE].index;
            int64_t due = queue[queue_first++ % QUEUE].due;
            if (index < 0) continue;
            if (connections[index].events > 0) send_event(&connections[index], index, due);
            else send_answer(&connections[index]);
        }
    }
}

// MARK: The clients

static char request[BUFFER];
static size_t request_length;

static void load_request(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) fail(path);
    request_length = fread(request, 1, sizeof request, file);
    fclose(file);
}

static void connect_all(int port, int count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < count; i++) {
        connections[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(connections[i].fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
        fcntl(connections[i].fd, F_SETFL, O_NONBLOCK);
        watch(connections[i].fd, i);
    }
}

static void send_request(struct connection *c) {
    c->filled = 0;
    c->sent = now();
    send_all(c->fd, request, request_length);
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_percentiles(int64_t *times, size_t count) {
    qsort(times, count, sizeof *times, by_size);
    printf("{\"count\":%zu,\"p50Micros\":%.1f,\"p99Micros\":%.1f,\"maxMicros\":%.1f}\n", count,
        times[count / 2] / 1e3, times[count * 99 / 100] / 1e3, times[count - 1] / 1e3);
}

static void need_200(struct connection *c) {
    if (c->filled < 12 || memcmp(c->bytes + 8, " 200", 4) != 0) {
        fprintf(stderr, "peer: not a 200: %.*s\n", (int)(c->filled < 600 ? c->filled : 600), c->bytes);
        exit(1);
    }
}

static int calls(int port, int count, size_t wanted) {
    int64_t *times = malloc(wanted * sizeof *times);
    size_t begun = 0, ended = 0;
    connect_all(port, count);
    // Spread over 20 ms, so that the calls do not come in one burst.
    for (int i = 0; i < count; i++, begun++) {
        send_request(&connections[i]);
        usleep((useconds_t)(20000 / count));
    }
    while (ended < wanted) {
        struct epoll_event ready[BATCH];
        int n = epoll_wait(poller, ready, BATCH, 30000);
        if (n == 0) { errno = ETIMEDOUT; fail("no answer"); }
        for (int i = 0; i < n; i++) {
            struct connection *c = &connections[ready[i].data.u32];
            ssize_t got = recv(c->fd, c->bytes + c->filled, BUFFER - c->filled, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) fail("the connection ended");
            c->filled += (size_t)got;
            long length = whole_message(c->bytes, c->filled);
            if (length < 0) { errno = EPROTO; fail("answer"); }
            if (length == 0) continue;
            if (ended < wanted) times[ended++] = now() - c->sent;
            need_200(c);
            if (begun < wanted) {
                begun++;
                send_request(c);
            }
        }
    }
    print_percentiles(times, wanted);
    return 0;
}

// Streams whose reads are timed, and reads of each at most.
enum { TIMED_READS = 4000000 };

static int streams(int port, int count, int64_t period) {
    size_t events = 0, reads = 0, timed = 0;
    int open = count;
    int64_t *late = period > 0 ? malloc(TIMED_READS * sizeof *late) : NULL;
    static int64_t last[CONNECTIONS];
    memset(last, 0, sizeof last);
    connect_all(port, count);
    for (int i = 0; i < count; i++) {
        send_request(&connections[i]);
        usleep((useconds_t)((period > 0 ? period : 50000) / count));
    }
    while (open > 0) {
        struct epoll_event ready[BATCH];
        int n = epoll_wait(poller, ready, BATCH, 30000);
        if (n == 0) { errno = ETIMEDOUT; fail("no event"); }
        for (int i = 0; i < n; i++) {
            struct connection *c = &connections[ready[i].data.u32];
            // The end of the read before, then this one: what is looked for may be cut.
            memcpy(c->bytes, c->tail, sizeof c->tail);
            ssize_t got = recv(c->fd, c->bytes + sizeof c->tail, BUFFER - sizeof c->tail, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) fail("a stream was cut");
            char *new = c->bytes + sizeof c->tail;
            if (c->sent != 0) {
                c->sent = 0;
                c->filled = (size_t)got;
                if (got < 12 || memcmp(new + 8, " 200", 4) != 0) { fprintf(stderr, "peer: not a 200: %.*s\n", (int)got, new); exit(1); }
            }
            reads++;
            if (period > 0) {
                int64_t *before = &last[ready[i].data.u32], at = now();
                if (*before != 0 && timed < TIMED_READS) late[timed++] = at - *before - period * 1000;
                *before = at;
            }
            for (char *at = new - 1; at + 1 < new + got; at++) events += at[0] == '\n' && at[1] == '\n';
            if (memmem(c->bytes + 1, (size_t)got + 7, "\r\n0\r\n\r\n", 7) != NULL) {
                close(c->fd);
                open--;
            }
            memcpy(c->tail, new + got - (ssize_t)sizeof c->tail, sizeof c->tail);
        }
    }
    if (timed > 0) {
        qsort(late, timed, sizeof *late, by_size);
        printf("{\"events\":%zu,\"reads\":%zu,\"lateP50Micros\":%.1f,\"lateP99Micros\":%.1f,\"lateMaxMicros\":%.1f}\n", events, reads,
            late[timed / 2] / 1e3, late[timed * 99 / 100] / 1e3, late[timed - 1] / 1e3);
        return 0;
    }
    printf("{\"events\":%zu,\"reads\":%zu}\n", events, reads);
    return 0;
}

// MARK: The disk

static int sync_probe(const char *folder, size_t count) {
    char path[4096], block[4096] = {1};
    int64_t *times = malloc(count * sizeof *times);
    snprintf(path, sizeof path, "%s/sync-probe", folder);
    int file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (file < 0 || posix_fallocate(file, 0, (off_t)(count * sizeof block)) != 0) fail(path);
    fsync(file);
    for (size_t i = 0; i < count; i++) {
        if (pwrite(file, block, sizeof block, (off_t)(i * sizeof block)) < 0) fail("write");
        int64_t start = now();
        if (fdatasync(file) != 0) fail("fdatasync");
        times[i] = now() - start;
        usleep(500);
    }
    unlink(path);
    print_percentiles(times, count);
    return 0;
}

int main(int count, char **arguments) {
    const char *mode = count > 1 ? arguments[1] : "";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    poller = epoll_create1(0);
    if (strcmp(mode, "serve") == 0 && count == 5) {
        delay = atoll(arguments[3]) * 1000;
        events_of_a_stream = atoi(arguments[4]);
        serve(atoi(arguments[2]));
    }
    if (strcmp(mode, "calls") == 0 && count == 6) {
        load_request(arguments[5]);
        return calls(atoi(arguments[2]), atoi(arguments[3]), strtoul(arguments[4], NULL, 10));
    }
    if (strcmp(mode, "streams") == 0 && (count == 5 || count == 6)) {
        load_request(arguments[4]);
        return streams(atoi(arguments[2]), atoi(arguments[3]), count == 6 ? atoll(arguments[5]) : 0);
    }
    if (strcmp(mode, "sync") == 0 && count == 4) return sync_probe(arguments[2], strtoul(arguments[3], NULL, 10));
    fprintf(stderr, "peer serve|calls|streams|sync: see the top of peer.c\n");
    return 2;
}
