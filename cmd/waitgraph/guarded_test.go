package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificate makes one for this machine that vouches for itself: certificate CERT KEY.
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// daemon is what a script has started.
type daemon struct {
	command *exec.Cmd
	log     io.Reader
	first   []byte // line of the log
}

// ofDaemon is where a script keeps it.
type ofDaemon struct{}

// startDaemon starts the program and waits until it says where it listens, which gets
// into $ADDRESS: daemon COMMAND... The log is in its form for programs.
func startDaemon(ts *testscript.TestScript, _ bool, args []string) {
	d := ts.Value(ofDaemon{}).(*daemon) //nolint:forcetypeassert // it was set up
	d.command = exec.Command(binary, args...)
	d.command.Dir = ts.Getenv("WORK")
	d.command.Env = []string{"WAITGRAPH_AMQP_URL=" + ts.Getenv("BROKER"), "WAITGRAPH_LOG_FORMAT=json"}
	log, err := d.command.StderrPipe()
	ts.Check(err)
	ts.Check(d.command.Start())
	ts.Defer(func() { _ = d.command.Process.Kill() }) // of one that has been stopped it is an error
	r := bufio.NewReader(log)
	d.log = r
	d.first, err = r.ReadBytes('\n')
	ts.Check(err)
	var line struct{ HTTP string }
	ts.Check(json.Unmarshal(d.first, &line))
	if line.HTTP == "" {
		ts.Fatalf("it listens nowhere: %s", d.first)
	}
	ts.Setenv("ADDRESS", line.HTTP)
}

// stopDaemon stops it and leaves its log in the file log: stop.
func stopDaemon(ts *testscript.TestScript, _ bool, _ []string) {
	d := ts.Value(ofDaemon{}).(*daemon) //nolint:forcetypeassert // it was set up
	ts.Check(d.command.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(d.log)
	ts.Check(err)
	ts.Check(d.command.Wait())
	ts.Check(os.WriteFile(ts.MkAbs("log"), append(d.first, rest...), 0o600))
}
