# Sluice as an image: one static binary and the certificates it trusts, no shell, no package manager, nobody's root.
# It writes nothing but in the folder that SLUICE_DATA names, so run it with --read-only. Mount a configuration; without one the
# embedded default answers on loopback only:
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t sluice .
#   docker run --read-only -p 8080:8080 -v $PWD/sluice.yaml:/etc/sluice/sluice.yaml:ro sluice serve --config /etc/sluice/sluice.yaml

FROM golang:1.26 AS build
WORKDIR /src
# The modules are a layer of their own: a change of the code alone does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
# The same command as `make build`. The image has no zone files, hence timetzdata.
RUN CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags "-s -w -X main.version=${VERSION}" -o sluice ./cmd/sluice

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/sluice /sluice
USER 65532:65532
# 8080 is for connectors. The admin listener stays on the container's loopback, where HEALTHCHECK asks it.
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/sluice", "health"]
ENTRYPOINT ["/sluice"]
CMD ["serve"]
