# One image for every role: `docker run buystream decider`.
FROM python:3.11.14-slim-bookworm
RUN useradd --create-home --uid 10001 buystream
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY src src
COPY clients/python/src clients/python/src
COPY schemas schemas
RUN pip install --no-cache-dir -c constraints.txt .
# Where editions' files are: a volume there belongs to the user.
RUN install -d -o buystream -g buystream /srv/media
USER buystream
ENV BUYSTREAM_HOST=0.0.0.0 BUYSTREAM_METRICS_HOST=0.0.0.0 PYTHONUNBUFFERED=1
# The gateway's pages; health and metrics of every role, for Prometheus and nobody else.
EXPOSE 8000 9464
# A role ends cleanly: it finishes what it does, gives its partitions up, and leaves.
STOPSIGNAL SIGTERM
ENTRYPOINT ["buystream"]
CMD ["gateway"]
