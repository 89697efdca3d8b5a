FROM python:3.14-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    CAPI_DATA_DIR=/data
WORKDIR /app
RUN useradd --system --home-dir /app relay && install -d -o relay -m 700 /data
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
# The commit that /version and the admin show: docker build --build-arg COMMIT=$(git rev-parse HEAD) .
ARG COMMIT=
RUN printf %s "$COMMIT" > COMMIT
USER relay
VOLUME /data
EXPOSE 8000
# The commands of the Procfile; compose.yaml names one for each service.
CMD ["python", "-m", "capi_project.web", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--threads", "8"]
