#!/bin/sh
# What a push talks to: git's own backend, after making the repository that is not there yet.
set -eu
export GIT_PROJECT_ROOT=/repositories/public GIT_HTTP_EXPORT_ALL=1
case $PATH_INFO in
/private/*)
    export GIT_PROJECT_ROOT=/repositories/private PATH_INFO="${PATH_INFO#/private}"
    ;;
esac

repository=${PATH_INFO#/}
repository=${repository%%/*}
case $repository in
*.git) name=${repository%.git} ;;
*) name= ;;
esac
case $name in
"" | *[!a-z0-9_-]*)
    printf 'Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\n'
    echo 'The address is /push/[private/]<repository>.git, of a-z, 0-9, _ and -.'
    exit 0
    ;;
esac
[ -d "$GIT_PROJECT_ROOT/$repository" ] || git init -q --bare "$GIT_PROJECT_ROOT/$repository" >&2
exec git http-backend
