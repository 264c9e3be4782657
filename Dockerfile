# The detector:            docker build --tag waitgraph .
# The example's programs:  docker build --target example --tag waitgraph-example .

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY detector detector
COPY internal internal
COPY services services
COPY tracing tracing
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/ ./cmd/waitgraph ./cmd/servicea ./cmd/serviceb ./cmd/callers

# Static programs need nothing but the authorities that TLS trusts.
FROM scratch AS static
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532

FROM static AS example
COPY --from=build /out/servicea /out/serviceb /out/callers /bin/

FROM static AS waitgraph
COPY --from=build /out/waitgraph /bin/
ENTRYPOINT ["/bin/waitgraph"]
CMD ["run"]
