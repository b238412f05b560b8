# Untested. Python, Node and Chromium in one image; PM2 runs the three processes.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
      ca-certificates chromium make nodejs npm python3 python3-venv && rm -rf /var/lib/apt/lists/*
# Debian 12 has Node 18; the connector needs 20 or newer.
RUN npm install --global n && n 20 && hash -r
WORKDIR /srv/frontdesk
COPY . .
RUN make .venv/.runtime connector-node/node_modules/.installed
ENV FRONTDESK_PYTHON=/srv/frontdesk/.venv/bin/python FRONTDESK_NO_ENV_FILE=1
CMD ["connector-node/node_modules/.bin/pm2-runtime", "ecosystem.config.js"]
