/* SPDX-License-Identifier: MIT */
#include "road.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

road road_open(const fixture *f)
{
    const char *host = getenv("PGHOST"), *port = getenv("PGPORT");
    road r = {.folder = "/tmp/tasker-road.XXXXXX", .silent = -1};
    if (host == NULL || host[0] != '/')
        skip();
    assert_non_null(mkdtemp(r.folder));
    snprintf(r.server, sizeof r.server, "%s/.s.PGSQL.%s", host, port != NULL ? port : "5432");
    snprintf(r.socket, sizeof r.socket, "%s/.s.PGSQL.5432", r.folder);
    snprintf(r.conninfo, sizeof r.conninfo, "host=%s port=5432 dbname='%s'", r.folder, f->database);
    road_to_server(&r);
    return r;
}

void road_to_nowhere(road *r)
{
    unlink(r->socket);
    if (r->silent >= 0)
        close(r->silent);
    r->silent = -1;
}

void road_to_server(road *r)
{
    road_to_nowhere(r);
    assert_int_equal(symlink(r->server, r->socket), 0);
}

/* The kernel accepts, and nobody reads. */
void road_to_silence(road *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    road_to_nowhere(r);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", r->socket);
    r->silent = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(r->silent >= 0);
    assert_int_equal(bind(r->silent, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(r->silent, 64), 0);
}

void road_close(road *r)
{
    road_to_nowhere(r);
    rmdir(r->folder);
}
