package minibroker

import "fmt"

// Reply codes of AMQP 0-9-1.
const (
	noRoute            = 312
	connectionForced   = 320
	accessRefused      = 403
	notFound           = 404
	resourceLocked     = 405
	preconditionFailed = 406
	frameError         = 501
	syntaxError        = 502
	commandInvalid     = 503
	channelError       = 504
	unexpectedFrame    = 505
	notAllowed         = 530
	notImplemented     = 540
)

var replyNames = map[uint16]string{
	connectionForced:   "CONNECTION_FORCED",
	accessRefused:      "ACCESS_REFUSED",
	notFound:           "NOT_FOUND",
	resourceLocked:     "RESOURCE_LOCKED",
	preconditionFailed: "PRECONDITION_FAILED",
	frameError:         "FRAME_ERROR",
	syntaxError:        "SYNTAX_ERROR",
	commandInvalid:     "COMMAND_INVALID",
	channelError:       "CHANNEL_ERROR",
	unexpectedFrame:    "UNEXPECTED_FRAME",
	notAllowed:         "NOT_ALLOWED",
	notImplemented:     "NOT_IMPLEMENTED",
}

// replyError refuses a method. It closes the channel, or if it is hard the
// connection.
type replyError struct {
	code   uint16
	text   string
	method methodID // the one refused, if known
}

func (e *replyError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

// hard reports whether the error closes the connection and not only the channel.
func (e *replyError) hard() bool {
	return e.code < accessRefused || e.code > preconditionFailed
}

func refuse(code uint16, format string, args ...any) *replyError {
	return &replyError{code: code, text: replyNames[code] + " - " + fmt.Sprintf(format, args...)}
}
