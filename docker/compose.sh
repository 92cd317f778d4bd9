# Read by docker/backup, docker/restore, docker/upgrade and docker/rotate-secrets; stands in the checkout afterwards.

compose() {
    if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

stop() { # SENTENCE …: says why, and ends
    printf '%s\n' "$@" >&2
    exit 1
}

airflow_services() { # every service but the databases, one a line
    compose config --services | grep -vxE 'postgres|redis|init'
}

start_postgres() { # alone, and waits until it answers
    compose up -d postgres
    waited=0
    until compose exec -T postgres pg_isready --host=127.0.0.1 --username=postgres --quiet; do
        waited=$((waited + 1))
        [ "$waited" -lt 60 ] || stop "PostgreSQL does not answer: docker-compose logs postgres"
        sleep 1
    done
}

start() { # OPTION …: everything, with as many workers as there were
    if [ "$workers" -gt 0 ]; then compose up -d --scale "worker=$workers" "$@"; else compose up -d "$@"; fi
}

client() { # FOLDER DATABASE PROGRAM …: one of PostgreSQL's own programs, as superuser, in FOLDER
    folder=$1 database=$2
    shift 2
    # shellcheck disable=SC2016
    compose run --rm --no-deps -T --user "$(id -u)" --workdir /backup --volume "$folder:/backup" \
        -e PGHOST=postgres -e PGUSER=postgres -e "PGDATABASE=$database" --entrypoint sh postgres \
        -c 'PGPASSWORD=$(cat /run/secrets/postgres) exec "$@"' sh "$@"
}

cd "$(dirname "$0")/.."
[ -f .env ] || stop "This checkout is no server yet: it has no .env. Run first: docker/make-secrets INBOX (see docs/server.md)"
workers=$(compose ps -q worker 2>/dev/null | wc -l)
