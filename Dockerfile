# syntax=docker/dockerfile:1
# Image of a Trunkline server and of its engine. Node builds the console and hatchling the wheel; the last stage has
# Python and the packages of constraints.txt, each with a verified hash, and no build tools.
#
#   docker build -t trunkline .
#   docker run --stop-timeout 60 -p 127.0.0.1:3000:3000 -e TRUNKLINE_TOKEN -v "$PWD:/scenarios:ro" trunkline
ARG NODE_IMAGE=node:22-bookworm-slim
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${NODE_IMAGE} AS console
WORKDIR /build/console
COPY console/package.json console/package-lock.json console/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY console/ ./
COPY src/trunkline/web/pages/ ../src/trunkline/web/pages/
RUN npm run --silent build

FROM ${PYTHON_IMAGE} AS packages
# Without `local` the image is much smaller: it then hears and speaks only through a hosted service.
ARG EXTRAS=local,webrtc,entra,otel,store
WORKDIR /build
COPY pyproject.toml constraints.txt constraints-hashes.txt ./
COPY scripts/image_requirements.py scripts/
RUN python scripts/image_requirements.py wanted "${EXTRAS}" > wanted.txt \
    && python -m pip download --no-cache-dir --only-binary :all: --dest wheels -r wanted.txt -c constraints.txt \
    && python scripts/image_requirements.py locked wheels > locked.txt \
    && python -m venv --without-pip /opt/trunkline \
    && python -m pip --python /opt/trunkline/bin/python install \
        --no-cache-dir --no-index --find-links wheels --no-deps --require-hashes -r locked.txt

FROM packages AS wheel
RUN python scripts/image_requirements.py wanted build > wanted.txt \
    && python -m pip download --no-cache-dir --only-binary :all: --dest build-wheels -r wanted.txt -c constraints.txt \
    && python scripts/image_requirements.py locked build-wheels > locked.txt \
    && python -m venv --without-pip tools \
    && python -m pip --python tools/bin/python install \
        --no-cache-dir --no-index --find-links build-wheels --no-deps --require-hashes -r locked.txt
COPY README.md LICENSE THIRD_PARTY_NOTICES.md hatch_build.py ./
COPY src/ src/
COPY --from=console /build/src/trunkline/web/static/ src/trunkline/web/static/
RUN tools/bin/hatchling build --target wheel --directory dist \
    && python -m pip --python /opt/trunkline/bin/python install --no-cache-dir --no-index --no-deps dist/*.whl

FROM ${PYTHON_IMAGE}
# tini reaps orphans and passes signals on. Debian's security updates matter more than its exact version.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 trunkline \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin trunkline \
    && install -d -o trunkline -g trunkline /audio /data /scenarios
COPY --from=wheel /opt/trunkline /opt/trunkline
ENV PATH=/opt/trunkline/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=3000 \
    TRUNKLINE_DATA_DIR=/data \
    TRUNKLINE_LOG_FORMAT=json \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /scenarios
VOLUME /data
EXPOSE 3000
# The server drains: running calls continue for TRUNKLINE_DRAIN_S (30), and get 20 s for the goodbye. Give it 60 s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/api/health', timeout=4)"]
ENTRYPOINT ["tini", "--", "trunkline"]
CMD ["serve"]
