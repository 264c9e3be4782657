package load

import (
	"fmt"
	"io"
	"strings"
)

// width is that of a progress bar, in characters.
const width = 40

// Bar returns a Config's Progress that draws a bar on a terminal, each time that
// it grows by a hundredth, and ends the line with the last request.
func Bar(w io.Writer) func(done, total int) {
	drawn := -1
	return func(done, total int) {
		percent := done * 100 / total
		if percent == drawn {
			return
		}
		drawn = percent
		filled := done * width / total
		line := fmt.Sprintf("\r[%s%s] %3d %%  %d of %d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), percent, done, total)
		if done == total {
			line += "\n"
		}
		_, _ = io.WriteString(w, line) // a bar that cannot be drawn is no reason to stop
	}
}
