# Production: web, worker, beat and release run from this image (compose.yaml). Nothing but /data and /tmp is written.

FROM python:3.11-slim AS packages
COPY constraints.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /constraints.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home specway
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY apps apps
COPY config config
COPY locale locale
COPY static static
COPY templates templates
RUN rm -rf apps/sandbox && python -m compileall -q apps config
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ENV_FILE=/dev/null VAR_DIR=/data HOST=0.0.0.0 PORT=8000
USER specway
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.wsgi"]
