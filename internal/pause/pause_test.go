package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, enough := time.Now(), errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := For(ctx, time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.AfterFunc(time.Second, func() { cancel(enough) })
		if err := For(ctx, time.Minute); !errors.Is(err, enough) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		for range 100 {
			if err := For(ctx, 0); !errors.Is(err, enough) {
				t.Fatalf("no time at all, after the end: %v", err)
			}
		}
	})
}
