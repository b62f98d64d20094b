# Two images without a shell: the sidecar (the last stage), and `--target firewall`. What is in them, scripts/image/ says;
# how to build them so that others get the same bytes, docs/image.md. `--target pipeline` is the program beside a shell.
ARG BUILD_BASE=node:24-bookworm-slim

FROM ${BUILD_BASE} AS build
ARG SOURCE_DATE_EPOCH=0
ENV NO_UPDATE_NOTIFIER=1
RUN (command -v strip && command -v nft) >/dev/null || \
  (apt-get update && apt-get install -y --no-install-recommends binutils nftables)
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts scripts
RUN mkdir /build && cp package.json package-lock.json /build && cd /build && node /app/scripts/image/needed.ts && \
  npm ci --ignore-scripts --no-audit --no-fund && mv node_modules /app
COPY LICENSE SECURITY.md ./
COPY src src
COPY verifier verifier
COPY console-page console-page
COPY config config
# Types are for the checks; the program is what the bundler makes of the sources.
RUN node_modules/.bin/esbuild scripts/program.ts scripts/image.ts --bundle --packages=external --platform=node \
  --format=esm --outdir=dist/scripts --log-level=warning && \
  node dist/scripts/program.js && \
  node dist/scripts/image.js sidecar /sidecar && \
  node dist/scripts/image.js firewall /firewall
# What a container writes to; a volume mounted there starts with this owner and mode.
RUN mkdir -p /state/run /state/ledger /state/mark && chmod 0750 /state/run /state/ledger /state/mark

# For the scripts of a policy repository, which hold no secret and want a shell.
FROM ${BUILD_BASE} AS pipeline
COPY --from=build /sidecar/app/ /app/
RUN ln -s /app/dist/bin/main.js /usr/local/bin/countersign

FROM scratch AS firewall
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Countersign firewall" \
  org.opencontainers.image.description="nft, for the container that sets a pod's rules before the agent runs" \
  org.opencontainers.image.licenses="GPL-2.0-only" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/sbin
COPY --from=build /firewall/ /
# Rules take CAP_NET_ADMIN, which a container gets as root; it has nothing else.
USER 0:0
ENTRYPOINT ["nft"]

FROM scratch AS sidecar
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Countersign" \
  org.opencontainers.image.description="HTTP reverse-proxy enforcement sidecar between AI agents and infrastructure APIs" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production PATH=/usr/local/bin
COPY --from=build /sidecar/ /
COPY --from=build --chown=65531:65530 /state/ /etc/countersign/
# The keeper is 65531, the gate 65532, and they share the group: one image, two containers, two users.
USER 65532:65530
WORKDIR /app
EXPOSE 7070 7071
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7070/livez').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["countersign"]
CMD ["run", "--config", "/etc/countersign/countersign.yaml", "--role", "gate"]
