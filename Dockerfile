# simrun and a worker that is built already: no Go, no network, no root and no file that
# can be written but those below /tmp are needed.
#
#   docker build -t meshcheck .
#   docker run --rm --read-only --network none --shm-size 1g --tmpfs /tmp meshcheck -seeds 0-99
FROM golang:1.26.8 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/simrun ./cmd/simrun && /out/simrun build-worker -o /out/worker && /out/simrun build-worker -repairs all -o /out/worker-repaired && mkdir -m 1777 /out/tmp

FROM scratch
COPY --from=build /out /
# Failures and a run's files go below /tmp.
ENV HOME=/tmp TMPDIR=/tmp
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["/simrun"]
CMD ["help"]
