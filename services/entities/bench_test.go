package entities_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/services/entities"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// What a get costs that reads the store, beside one that the process answers, on
// the RabbitMQ of AMQP_URL or else on the embedded broker.
func BenchmarkGet(b *testing.B) {
	place := entities.Place{URL: os.Getenv("AMQP_URL")}
	if place.URL == "" {
		broker := minibroker.New()
		defer broker.Close()
		place.Dial = broker.Dial
	}
	place.URL = cmp.Or(place.URL, "amqp://guest:guest@embedded/")
	for name, registration := range map[string]entities.Registration{"process": entities.PerServer, "store": entities.ReadStore} {
		b.Run(name, func(b *testing.B) {
			store, err := entities.OpenStore(filepath.Join(b.TempDir(), "store"), "entity_1")
			if err != nil {
				b.Fatal(err)
			}
			s, err := entities.Start(b.Context(), entities.Config{
				Server: "bench_" + name, Place: place, Store: store, Variant: entities.Variant{Registration: registration},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Stop()
			conn, err := amqprpc.Dial(b.Context(), amqprpc.Config{URL: place.URL, Dial: place.Dial})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			c := entities.NewClient(conn, entities.ClientConfig{Name: "caller"})
			for b.Loop() {
				if _, err := c.Get(b.Context(), "bench_"+name, "entity_1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
