package minibroker

import "fmt"

const classBasic = 60

// methodID is a method's class in the upper and its number in the lower half.
type methodID uint32

const (
	connectionStart     methodID = 10<<16 | 10
	connectionStartOK   methodID = 10<<16 | 11
	connectionTune      methodID = 10<<16 | 30
	connectionTuneOK    methodID = 10<<16 | 31
	connectionOpen      methodID = 10<<16 | 40
	connectionOpenOK    methodID = 10<<16 | 41
	connectionClose     methodID = 10<<16 | 50
	connectionCloseOK   methodID = 10<<16 | 51
	connectionBlocked   methodID = 10<<16 | 60
	connectionUnblocked methodID = 10<<16 | 61

	channelOpen    methodID = 20<<16 | 10
	channelOpenOK  methodID = 20<<16 | 11
	channelClose   methodID = 20<<16 | 40
	channelCloseOK methodID = 20<<16 | 41

	exchangeDeclare   methodID = 40<<16 | 10
	exchangeDeclareOK methodID = 40<<16 | 11
	exchangeDelete    methodID = 40<<16 | 20
	exchangeDeleteOK  methodID = 40<<16 | 21

	queueDeclare   methodID = 50<<16 | 10
	queueDeclareOK methodID = 50<<16 | 11
	queueBind      methodID = 50<<16 | 20
	queueBindOK    methodID = 50<<16 | 21
	queuePurge     methodID = 50<<16 | 30
	queuePurgeOK   methodID = 50<<16 | 31
	queueDelete    methodID = 50<<16 | 40
	queueDeleteOK  methodID = 50<<16 | 41
	queueUnbind    methodID = 50<<16 | 50
	queueUnbindOK  methodID = 50<<16 | 51

	basicQos       methodID = classBasic<<16 | 10
	basicQosOK     methodID = classBasic<<16 | 11
	basicConsume   methodID = classBasic<<16 | 20
	basicConsumeOK methodID = classBasic<<16 | 21
	basicCancel    methodID = classBasic<<16 | 30
	basicCancelOK  methodID = classBasic<<16 | 31
	basicPublish   methodID = classBasic<<16 | 40
	basicReturn    methodID = classBasic<<16 | 50
	basicDeliver   methodID = classBasic<<16 | 60
	basicAck       methodID = classBasic<<16 | 80
	basicReject    methodID = classBasic<<16 | 90
	basicNack      methodID = classBasic<<16 | 120

	confirmSelect   methodID = 85<<16 | 10
	confirmSelectOK methodID = 85<<16 | 11
)

// unimplemented names the methods that a client may well try.
var unimplemented = map[methodID]string{
	10<<16 | 70:          "connection.update-secret",
	20<<16 | 20:          "channel.flow",
	40<<16 | 30:          "exchange.bind",
	40<<16 | 40:          "exchange.unbind",
	classBasic<<16 | 70:  "basic.get",
	classBasic<<16 | 100: "basic.recover-async",
	classBasic<<16 | 110: "basic.recover",
	90<<16 | 10:          "tx.select",
}

// String names a method that is not implemented.
func (id methodID) String() string {
	if name, ok := unimplemented[id]; ok {
		return name
	}
	return fmt.Sprintf("class %d, method %d", id>>16, id&0xFFFF)
}
