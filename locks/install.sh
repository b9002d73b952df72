#!/bin/sh
# For the images: the packages of the lock file $1 in /opt/venv, hashes checked, byte code compiled. uv, which installs
# them by its own lock file beside this script, is not left in the layer.
set -eu
export UV_CACHE_DIR=/var/cache/uv # the Dockerfiles' cache mount
python -m venv /tmp/uv
/tmp/uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r "$(dirname "$0")/uv.txt"
/tmp/uv/bin/uv venv --quiet --python "$(command -v python)" /opt/venv
/tmp/uv/bin/uv pip sync --quiet --no-progress --system-certs --python /opt/venv/bin/python --require-hashes \
    --compile-bytecode --link-mode copy "$1"
# What only a compiler reads.
find /opt/venv -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.cuh' \) -delete
# Definitions of the AWS services that nothing here calls: 25 MB.
for service in /opt/venv/lib/python3*/site-packages/botocore/data/*/; do
    case $(basename "$service") in
        s3 | sts | sso | sso-oidc) ;; # results and videos; who a pod is
        *) rm -rf "$service" ;;
    esac
done
rm -r /tmp/uv
