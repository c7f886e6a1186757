/* An HTTP/1.1 server that takes everything and keeps nothing.
 *
 * The benchmarks measure clients, so this end has to be cheap, the same for all of them, and honest: it reads every
 * body to its end (Content-Length and chunked), keeps connections alive, and counts what arrived, so that a client
 * that sends too little is found out.  One thread, epoll, and OpenSSL for the second port.
 *
 *   sink [CERTIFICATE KEY [ADDRESS]]    listens on ADDRESS (127.0.0.1), prints "PORT" or "PORT TLS-PORT", serves until
 *                             its standard input ends, and prints the counters
 *
 *   GET /stats                the counters, as JSON         (not counted itself)
 *   GET /reset                the same, and starts anew     (not counted itself)
 *   /fresh...                 a test is answered 404, anything else 200
 *   /half...                  a test of about every second chunk is answered 404, by its number
 *   (a test of a file that cannot exist is answered 404 anywhere)
 *   /tus...                   enough of tus 1.0: POST creates (201), PATCH appends (204), HEAD tells the offset
 *   anything else             200
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_LIMIT = 16384, READ_SIZE = 262144, EVENTS = 64, TURNS = 8 };

enum phase { HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct connection {
    int fd;
    SSL *ssl;
    int shaking; /* the TLS handshake is not over */
    enum phase phase;
    char head[HEAD_LIMIT + 1];
    size_t head_length;
    long long left; /* bytes of the body, or of this chunk of it, still to come */
    long long body; /* bytes of the body so far */
    int line;       /* bytes on this trailer line */
};

static struct {
    long long connections, requests, tests, uploads, creations, heads, body_bytes, hits, misses, errors;
} count;

static int epoll_fd;
static char buffer[READ_SIZE];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int send_all(struct connection *c, const char *data, size_t length) {
    /* Replies are a few hundred bytes at most and answer one request at a time, so that they always fit. */
    long done = c->ssl ? SSL_write(c->ssl, data, (int)length) : send(c->fd, data, length, MSG_NOSIGNAL);
    if (done == (long)length) return 1;
    count.errors++;
    return 0;
}

/* The value of a header in the head, or NULL. */
static const char *header(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            for (line += length + 1; *line == ' '; line++) {}
            return line;
        }
    }
    return NULL;
}

/* The counters, as a line of JSON; its length. */
static int counters(char *text, size_t size) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    return snprintf(text, size,
                    "{\"connections\": %lld, \"requests\": %lld, \"tests\": %lld, \"uploads\": %lld, "
                    "\"creations\": %lld, \"heads\": %lld, \"body_bytes\": %lld, \"hits\": %lld, "
                    "\"misses\": %lld, \"errors\": %lld, \"cpu\": %.6f}\n",
                    count.connections, count.requests, count.tests, count.uploads, count.creations, count.heads,
                    count.body_bytes, count.hits, count.misses, count.errors, cpu);
}

static int statistics(struct connection *c, int reset) {
    char text[512], reply[1024];
    int length = counters(text, sizeof text);
    if (reset) memset(&count, 0, sizeof count);
    length = snprintf(reply, sizeof reply,
                      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length,
                      text);
    return send_all(c, reply, (size_t)length);
}

static int tus(struct connection *c, const char *method) {
    char reply[256];
    const char *offset = header(c->head, "upload-offset");
    int length;
    if (strncmp(method, "POST ", 5) == 0) {
        count.creations++;
        length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 201 Created\r\nTus-Resumable: 1.0.0\r\nLocation: /tus/%lld\r\n"
                          "Content-Length: 0\r\n\r\n",
                          count.creations);
    } else if (strncmp(method, "PATCH ", 6) == 0) {
        count.uploads++;
        length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: %lld\r\n\r\n",
                          (offset ? atoll(offset) : 0) + c->body);
    } else {
        count.heads++;
        length = snprintf(reply, sizeof reply,
                          "HTTP/1.1 200 OK\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 0\r\n\r\n");
    }
    return send_all(c, reply, (size_t)length);
}

/* Whether a chunk is one of the half that is not there. */
static int is_absent(const char *head) {
    const char *number = strstr(head, "ChunkNumber=");
    unsigned mixed = number ? (unsigned)strtoul(number + 12, NULL, 10) * 2654435761u : 0;
    return number != NULL && ((mixed ^ mixed >> 15) * 739982445u) >> 31;
}

/* Answer the request whose body has just ended; 0 ends the connection. */
static int answer(struct connection *c) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
    static const char absent[] = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno";
    const char *path = strchr(c->head, ' ');
    const char *connection = header(c->head, "connection");
    int keep = connection == NULL || strncasecmp(connection, "close", 5) != 0, sent;
    c->phase = HEAD;
    c->head_length = 0;
    if (path == NULL) {
        count.errors++;
        return 0;
    }
    path++;
    if (strncmp(path, "/stats ", 7) == 0 || strncmp(path, "/reset ", 7) == 0) {
        return statistics(c, path[1] == 'r') && keep;
    }
    count.requests++;
    count.body_bytes += c->body;
    if (strncmp(path, "/tus", 4) == 0) {
        sent = tus(c, c->head);
    } else if (strncmp(c->head, "GET ", 4) == 0) {
        int fresh = strncmp(path, "/fresh", 6) == 0 || strstr(c->head, "=no-such-file-") != NULL ||
                    (strncmp(path, "/half", 5) == 0 && is_absent(c->head));
        count.tests++;
        if (fresh) {
            count.misses++;
            sent = send_all(c, absent, sizeof absent - 1);
        } else {
            count.hits++;
            sent = send_all(c, ok, sizeof ok - 1);
        }
    } else {
        count.uploads++;
        sent = send_all(c, ok, sizeof ok - 1);
    }
    return sent && keep;
}

/* The head is whole: find out how long its body is; 0 ends the connection. */
static int begin_body(struct connection *c) {
    const char *coding = header(c->head, "transfer-encoding"), *length = header(c->head, "content-length");
    const char *expect = header(c->head, "expect");
    c->body = 0;
    if (expect != NULL && strncasecmp(expect, "100-continue", 12) == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!send_all(c, go_on, sizeof go_on - 1)) return 0;
    }
    if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
        c->phase = CHUNK_SIZE;
        c->left = 0;
        return 1;
    }
    c->left = length ? atoll(length) : 0;
    c->phase = BODY;
    return c->left > 0 ? 1 : answer(c);
}

static int hexadecimal(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Take bytes that arrived; 0 ends the connection. */
static int take(struct connection *c, const char *data, size_t length) {
    const char *end = data + length;
    while (data < end) {
        size_t rest = (size_t)(end - data), step;
        switch (c->phase) {
        case HEAD: {
            size_t room = HEAD_LIMIT - c->head_length, old = c->head_length;
            step = rest < room ? rest : room;
            memcpy(c->head + old, data, step);
            size_t from = old < 3 ? 0 : old - 3;
            char *stop = memmem(c->head + from, old + step - from, "\r\n\r\n", 4);
            if (stop == NULL) {
                c->head_length = old + step;
                if (c->head_length == HEAD_LIMIT) {
                    count.errors++;
                    return 0;
                }
                data += step;
                break;
            }
            stop[2] = 0; /* what is looked at ends with the last header's CRLF */
            c->head_length = (size_t)(stop - c->head) + 4;
            data += c->head_length - old;
            if (!begin_body(c)) return 0;
            break;
        }
        case BODY:
        case CHUNK_DATA:
            step = (long long)rest < c->left ? rest : (size_t)c->left;
            data += step;
            c->left -= (long long)step;
            c->body += (long long)step;
            if (c->left > 0) break;
            if (c->phase == CHUNK_DATA) {
                c->phase = CHUNK_END;
            } else if (!answer(c)) {
                return 0;
            }
            break;
        case CHUNK_SIZE: {
            char byte = *data++;
            int digit = hexadecimal(byte);
            if (digit >= 0) {
                c->left = c->left * 16 + digit;
            } else if (byte == '\n') {
                c->phase = c->left > 0 ? CHUNK_DATA : TRAILER;
                c->line = 0;
            } else if (byte != '\r') {
                count.errors++; /* chunk extensions: none of the clients sends any */
                return 0;
            }
            break;
        }
        case CHUNK_END:
            if (*data++ == '\n') {
                c->phase = CHUNK_SIZE;
                c->left = 0;
            }
            break;
        case TRAILER: {
            char byte = *data++;
            if (byte == '\n') {
                if (c->line == 0 && !answer(c)) return 0;
                c->line = 0;
            } else if (byte != '\r') {
                c->line++;
            }
            break;
        }
        }
    }
    return 1;
}

static void hang_up(struct connection *c) {
    if (c->phase != HEAD) count.errors++; /* in the midst of a body */
    if (c->ssl) SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* Read what there is, in bounded turns so that no connection starves another; 0 ends the connection. */
static int readable(struct connection *c) {
    for (int turn = 0; turn < TURNS || (c->ssl && SSL_has_pending(c->ssl)); turn++) {
        long got;
        if (c->shaking) {
            int done = SSL_accept(c->ssl);
            if (done != 1) return SSL_get_error(c->ssl, done) == SSL_ERROR_WANT_READ;
            c->shaking = 0;
        }
        if (c->ssl) {
            got = SSL_read(c->ssl, buffer, READ_SIZE);
            if (got <= 0) return SSL_get_error(c->ssl, (int)got) == SSL_ERROR_WANT_READ;
        } else {
            got = recv(c->fd, buffer, READ_SIZE, 0);
            if (got < 0) return errno == EAGAIN || errno == EINTR;
            if (got == 0) return 0;
        }
        if (!take(c, buffer, (size_t)got)) return 0;
        if (!c->ssl && got < READ_SIZE) return 1;
    }
    return 1;
}

static int listen_on(const char *at, int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(at)};
    socklen_t length = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 1024) < 0) die("listen");
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static void watch(int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = what};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void accept_all(int listener, SSL_CTX *tls) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (c == NULL) die("calloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        if (tls != NULL) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, fd);
            c->shaking = 1;
        }
        count.connections++;
        watch(fd, c);
    }
}

static SSL_CTX *tls_context(const char *certificate, const char *key) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, READ_SIZE);
    return tls;
}

int main(int argc, char **argv) {
    static int plain, secure;
    SSL_CTX *tls = argc >= 3 ? tls_context(argv[1], argv[2]) : NULL;
    struct epoll_event events[EVENTS];
    const char *address = argc > 3 ? argv[3] : "127.0.0.1";
    char text[512];
    int port, secure_port;
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    plain = listen_on(address, &port);
    watch(plain, &plain);
    watch(STDIN_FILENO, NULL);
    printf("%d", port);
    if (tls != NULL) {
        secure = listen_on(address, &secure_port);
        watch(secure, &secure);
        printf(" %d", secure_port);
    }
    printf("\n");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            void *what = events[i].data.ptr;
            if (what == NULL) { /* whoever started this wants no more of it, or is gone */
                counters(text, sizeof text);
                fputs(text, stdout);
                return 0;
            }
            if (what == &plain) {
                accept_all(plain, NULL);
            } else if (what == &secure) {
                accept_all(secure, tls);
            } else if (!readable(what)) {
                hang_up(what);
            }
        }
    }
}
