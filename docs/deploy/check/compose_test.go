package check

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads the compose file, against its schema.
func load(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	p := load(t)
	pinned := regexp.MustCompile(`:v?[0-9]+\.[0-9]+\.[0-9]+$`)
	for name, s := range p.Services {
		t.Run(name, func(t *testing.T) {
			switch {
			case s.Build != nil:
				ours(t, &s)
			case !pinned.MatchString(s.Image):
				t.Errorf("the image %s is not pinned", s.Image)
			}
			for _, port := range s.Ports {
				if port.HostIP != "127.0.0.1" {
					t.Errorf("port %s is published on %q", port.Published, port.HostIP)
				}
			}
			for _, v := range s.Volumes {
				if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
					t.Error(err)
				}
			}
			for on := range s.DependsOn {
				if p.Services[on].HealthCheck == nil {
					t.Errorf("it waits for %s, which has no health check", on)
				}
			}
		})
	}
}

// ours checks a service that runs one of our images.
func ours(t *testing.T, s *types.ServiceConfig) {
	image := stages[s.Build.Target]
	if image == nil {
		t.Fatalf("there is no image %s", s.Build.Target)
	}
	line := slices.Concat(image.entrypoint, s.Command)
	if s.Command == nil {
		line = slices.Concat(image.entrypoint, image.command)
	}
	var variables []string
	for v := range s.Environment {
		variables = append(variables, v)
	}
	image.takes(t, line, variables)
	if h := s.HealthCheck; h != nil {
		image.takes(t, h.Test[1:], nil)
	}
	if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
		t.Error("it may write or has capabilities")
	}
}

// TestComposeNamesWhatIsThere: hosts and ports in variables, flags and
// configuration files are those of services.
func TestComposeNamesWhatIsThere(t *testing.T) {
	p := load(t)
	known := func(where, host string) {
		if _, ok := p.Services[host]; !ok && host != "localhost" && host != "0.0.0.0" {
			t.Errorf("%s names %s, which is no service", where, host)
		}
	}
	for name, s := range p.Services {
		for variable, value := range s.Environment {
			if value == nil || !strings.Contains(*value, "://") {
				continue
			}
			u, err := url.Parse(*value)
			if err != nil {
				t.Errorf("%s: %s: %v", name, variable, err)
				continue
			}
			known(name+": "+variable, u.Hostname())
		}
	}
	text, err := os.ReadFile("../compose/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile(`"([a-z0-9-]+):[0-9]+"`).FindAllStringSubmatch(string(text), -1)
	if len(targets) < 3 {
		t.Errorf("Prometheus scrapes and alerts %v", targets)
	}
	for _, target := range targets {
		known("prometheus.yml", target[1])
	}
}

// TestBrokerUsers: the users in URLs exist, with those passwords, may use those
// virtual hosts, and are no administrators.
func TestBrokerUsers(t *testing.T) {
	var d struct {
		Users       []struct{ Name, Password, Tags string }
		Permissions []struct{ User, Vhost, Configure, Write, Read string }
	}
	text, err := os.ReadFile("../compose/definitions.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	may := make(map[string]bool)
	for _, p := range d.Permissions {
		for _, expression := range []string{p.Configure, p.Write, p.Read} {
			if _, err := regexp.Compile(expression); err != nil {
				t.Error(err)
			}
			if p.User != "guest" && strings.HasPrefix(expression, ".*") {
				t.Errorf("%s may do too much", p.User)
			}
		}
		for _, u := range d.Users {
			if u.Name == p.User {
				may[u.Name+":"+u.Password+" "+p.Vhost] = true
			}
			if u.Tags != "" {
				t.Errorf("%s is %s", u.Name, u.Tags)
			}
		}
	}
	checked := 0
	for name, s := range load(t).Services {
		for _, variable := range []string{"AMQP_URL", "WAITGRAPH_AMQP_URL"} {
			if v := s.Environment[variable]; v != nil {
				u, err := url.Parse(*v)
				if err != nil {
					t.Fatal(err)
				}
				if login := u.User.String() + " " + strings.TrimPrefix(u.Path, "/"); !may[login] {
					t.Errorf("%s: the broker does not let in %s", name, login)
				}
				checked++
			}
		}
	}
	if checked < 7 {
		t.Errorf("only %d services use the broker", checked)
	}
}
