# The server in an image of its own: no compiler, no package manager's cache, no development packages, no root.
ARG BUN_VERSION=1.4.5

FROM oven/bun:${BUN_VERSION}-slim AS packages
WORKDIR /app
COPY package.json bun.lock ./
COPY patches ./patches
# Only what the server imports at run time; no package's install script runs.
RUN bun install --frozen-lockfile --production --omit=peer --ignore-scripts

FROM oven/bun:${BUN_VERSION}-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATABASE_URL=sqlite:./data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json tsconfig.json bunfig.toml ./
COPY migrations ./migrations
COPY src ./src
COPY scripts/healthy.ts ./scripts/healthy.ts
# The user exists in the image of Bun. What is written lies in ./data alone, so the rest may be read-only.
RUN install -d -m 0700 -o bun -g bun data
USER bun
VOLUME /app/data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["bun", "--no-env-file", "scripts/healthy.ts"]
ENTRYPOINT ["bun", "--no-env-file", "src/cli.ts"]
CMD ["start"]
