/* SPDX-License-Identifier: MIT */
/*
 * Round trips, counted on the wire: a relay between the library and the server notes each change of direction. One
 * request burst, however long, and one reply is what a call costs on a warm handle.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "writes.h"

typedef struct relay {
    char folder[64];
    struct sockaddr_un server;
    int listener;
    pthread_t thread;
    atomic_long bursts; /* of the client: each begins after the server has spoken */
    atomic_long bytes;  /* from the client */
} relay;

static void forward_all(int to, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(to, bytes, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        size -= (size_t)n;
    }
}

static void pump(relay *r, int client, int server)
{
    static char bytes[1 << 16];
    bool client_spoke = false;
    struct pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    while (poll(ends, 2, -1) > 0) {
        int from = ends[1].revents != 0 ? 1 : 0; /* what the server has said comes first */
        ssize_t n = recv(ends[from].fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            return;
        if (from == 0) {
            atomic_fetch_add(&r->bursts, !client_spoke);
            atomic_fetch_add(&r->bytes, n);
        }
        client_spoke = from == 0;
        forward_all(ends[1 - from].fd, bytes, (size_t)n);
    }
}

static void *run_relay(void *context)
{
    relay *r = context;
    int client = accept(r->listener, NULL, NULL);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (client >= 0 && server >= 0 && connect(server, (struct sockaddr *)&r->server, sizeof r->server) == 0)
        pump(r, client, server);
    close(client);
    close(server);
    return NULL;
}

static void socket_path(struct sockaddr_un *address, const char *folder)
{
    const char *port = getenv("PGPORT");
    address->sun_family = AF_UNIX;
    int n =
        snprintf(address->sun_path, sizeof address->sun_path, "%s/.s.PGSQL.%s", folder, port != NULL ? port : "5432");
    assert_true(n > 0 && (size_t)n < sizeof address->sun_path);
}

static tasker_db *open_through(relay *r, const fixture *f)
{
    char conninfo[512];
    struct sockaddr_un here = {0};
    tasker_db *db = NULL;
    tasker_error error;
    socket_path(&r->server, getenv("PGHOST"));
    snprintf(r->folder, sizeof r->folder, "/tmp/tasker-relay.XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    socket_path(&here, r->folder);
    r->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(r->listener, 1), 0);
    assert_int_equal(pthread_create(&r->thread, NULL, run_relay, r), 0);
    snprintf(conninfo, sizeof conninfo, "%s host='%s'", f->conninfo, r->folder);
    const tasker_db_options options = {.any_schema = true};
    assert_status(NULL, tasker_db_open(tasker_text_of(conninfo), &options, &error, &db), TASKER_OK);
    return db;
}

static void close_through(relay *r, tasker_db *db)
{
    struct sockaddr_un here = {0};
    tasker_db_close(db);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    close(r->listener);
    socket_path(&here, r->folder);
    unlink(here.sun_path);
    rmdir(r->folder);
}

static long create_counted(relay *r, tasker_db *db, const shape *s, bool registered)
{
    tasker_workflow_input input = {.definition = &s->definition, .registered = registered};
    long before = r->bursts, bytes = r->bytes;
    assert_status(db, tasker_workflow_create(db, &input, NULL), TASKER_OK);
    printf("# %zu steps, %zu edges: %ld bytes in %ld bursts\n", s->definition.step_count, s->definition.edge_count,
           r->bytes - bytes, r->bursts - before);
    return r->bursts - before;
}

/* The very first call as well: preparing statements travels along. */
static void test_create(void **state)
{
    static const size_t sizes[] = {0, 1, 10, 1000};
    relay r = {0};
    tasker_db *db = open_through(&r, *state);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char name[32];
        shape s;
        snprintf(name, sizeof name, "flush_%zu", sizes[i]);
        assert_true(shape_make(&s, SHAPE_FORK_JOIN, name, sizes[i], 3));
        assert_int_equal(create_counted(&r, db, &s, false), 1);
        assert_int_equal(create_counted(&r, db, &s, false), 1);
        assert_int_equal(create_counted(&r, db, &s, true), 1);
        shape_free(&s);
    }
    close_through(&r, db);
}

static void test_other_writes(void **state)
{
    fixture *f = *state;
    relay r = {0};
    tasker_db *db = open_through(&r, f);
    for (size_t k = 0; k < WRITES; k++) {
        attempt t = {0};
        if (writes[k].prepare != NULL)
            writes[k].prepare(f->db, &t);
        if (writes[k].begin != NULL)
            assert_status(db, writes[k].begin(db, &t), TASKER_OK);
        long before = r.bursts;
        assert_status(db, writes[k].send(db, &t), TASKER_OK);
        long bursts = r.bursts - before;
        printf("# %s: %ld\n", writes[k].name, bursts);
        assert_int_equal(bursts, k == WRITE_COMMIT ? 2 : 1); /* the commit asks for its name before it goes */
    }
    close_through(&r, db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_other_writes),
    };
    const char *host = getenv("PGHOST");
    if (getenv("TASKER_TEST_SERVER") != NULL && (host == NULL || host[0] != '/')) {
        printf("1..0 # SKIP the server is not behind a unix socket\n");
        return 0;
    }
    return db_test_run(tests);
}
