package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// producer sends requests for the processes that share it and hands the
// answers over. It waits for nothing itself.
type producer struct {
	conn    *amqprpc.Conn
	timeout time.Duration
	hooks   Hooks
}

// ask makes process wait until queue answers what ID computes to.
func (p producer) ask(ctx context.Context, process, queue string, id int64) (int64, error) {
	ended := p.hooks.Calling(process, queue)
	reply, err := p.conn.Call(ctx, amqprpc.Call{Key: queue, Body: encode(id), ContentType: contentType, Timeout: p.timeout})
	ended(err)
	if err != nil {
		return 0, fmt.Errorf("ask for %d: %w", id, inbound(err))
	}
	return decode(reply.Body)
}

// Ask asks a service once, in the name of the process of ctx if there is one.
func Ask(ctx context.Context, conn *amqprpc.Conn, service Service, id int64) (int64, error) {
	return producer{conn: conn, timeout: DefaultTimeout, hooks: Hooks{}.Filled()}.ask(ctx, "", service.Queue(), id)
}
