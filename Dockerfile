# syntax=docker/dockerfile:1
# Any image with Node 24 will do for BASE; one without a shell, such as gcr.io/distroless/nodejs24-debian12, serves best.
ARG BUILD_BASE=node:24-bookworm-slim
ARG BASE=node:24-bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json ./
RUN npm ci --ignore-scripts && npm rebuild classic-level
COPY src src
COPY test test
COPY bench bench
COPY scripts scripts
COPY verifier verifier
COPY console-page console-page
COPY config config
RUN npm run build && npm prune --omit=dev --ignore-scripts && find dist -name '*.map' -o -name '*.d.ts' | xargs rm -f
# In an image with a shell, a pipeline finds the program by its name.
RUN mkdir /bin-links && ln -s /app/dist/bin/main.js /bin-links/countersign
# What a container writes to; a volume mounted there starts with this owner and mode.
RUN mkdir -p /state/run /state/ledger /state/mark && chmod 0750 /state/run /state/ledger /state/mark

FROM ${BASE}
ENV NODE_ENV=production PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin
COPY --from=build /app/package.json /app/package.json
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/config /app/config
COPY --from=build /app/dist/bin /app/dist/bin
COPY --from=build /bin-links/ /usr/local/bin/
COPY LICENSE SECURITY.md /app/
COPY --from=build --chown=65531:65530 /state/ /etc/countersign/
# The keeper is 65531, the gate 65532, and they share the group: one image, two containers, two users.
USER 65532:65530
WORKDIR /app
EXPOSE 7070 7071
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7070/livez').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/bin/main.js"]
CMD ["run", "--config", "/etc/countersign/countersign.yaml", "--role", "gate"]
