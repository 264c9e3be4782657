// Package streampb is the protocol between the shim and its streaming clients.
package streampb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative stream.proto
