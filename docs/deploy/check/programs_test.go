package check

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// root is the repository.
const root = "../../.."

// stages are the images, by name, as the Dockerfile builds them.
var stages map[string]*stage

// stage is one image.
type stage struct {
	base       string
	user       string
	entrypoint []string
	command    []string
	programs   map[string]*program // by path in the image
}

// program is one executable and what its help says that it takes.
type program struct {
	file string // here
	help map[string]string
}

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "waitgraph")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if stages, err = build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build follows the Dockerfile as far as that goes without an engine: it runs the
// command that compiles, and has what is copied from there copied.
func build(dir string) (map[string]*stage, error) {
	f, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		return nil, err
	}
	all, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, err
	}
	built := make(map[string]*stage)
	for i := range all {
		s := &stage{base: all[i].BaseName, programs: make(map[string]*program)}
		if from, ok := built[s.base]; ok {
			s.user, s.base = from.user, from.base
		}
		for _, c := range all[i].Commands {
			if err := s.follow(c, dir); err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].Name, err)
			}
		}
		built[all[i].Name] = s
	}
	return built, nil
}

const outside = "/out/" // where the image that builds puts the programs

func (s *stage) follow(c instructions.Command, dir string) error {
	switch c := c.(type) {
	case *instructions.RunCommand:
		line := strings.Join(c.CmdLine, " ")
		if !strings.Contains(line, "go build") {
			return nil
		}
		run := exec.Command("sh", "-c", strings.ReplaceAll(line, outside, dir+"/"))
		run.Dir = root
		if out, err := run.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, out)
		}
	case *instructions.CopyCommand:
		for _, from := range c.SourcePaths {
			if err := s.copy(c.From, from, c.DestPath, dir); err != nil {
				return err
			}
		}
	case *instructions.UserCommand:
		s.user = c.User
	case *instructions.EntrypointCommand:
		s.entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		s.command = c.CmdLine
	}
	return nil
}

func (s *stage) copy(stage, from, to, dir string) error {
	name, built := strings.CutPrefix(from, outside)
	switch {
	case stage == "":
		_, err := os.Stat(filepath.Join(root, from))
		return err
	case !built:
		return nil // from the base image
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		return err
	}
	s.programs[path.Join(to, name)] = &program{file: file, help: make(map[string]string)}
	return nil
}

// helpOf returns what a command of the program says of itself.
func (p *program) helpOf(t *testing.T, command string) string {
	t.Helper()
	if _, ok := p.help[command]; !ok {
		args := []string{"--help"}
		if command != "" {
			args = []string{command, "--help"}
		}
		out, err := exec.CommandContext(t.Context(), p.file, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", filepath.Base(p.file), args, err)
		}
		p.help[command] = string(out)
	}
	return p.help[command]
}

var flagOf = regexp.MustCompile(`^--([a-z-]+)(=.*)?$`)

// takes checks that the program has the command, the flags and the variables.
func (p *program) takes(t *testing.T, args []string, variables []string) {
	t.Helper()
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command = args[0]
	}
	help := p.helpOf(t, command)
	name := filepath.Base(p.file)
	for _, a := range args {
		if m := flagOf.FindStringSubmatch(a); m != nil && !regexp.MustCompile(`--(\[no-\])?`+m[1]+`\b`).MatchString(help) {
			t.Errorf("%s %s has no flag %s", name, command, a)
		}
	}
	for _, v := range variables {
		if strings.HasPrefix(v, "OTEL_") {
			continue // OpenTelemetry's own
		}
		if !regexp.MustCompile(`\$` + v + `\b`).MatchString(help) {
			t.Errorf("%s %s does not read %s", name, command, v)
		}
	}
}

// takes checks a command line in the image, and the variables that it is given.
func (s *stage) takes(t *testing.T, line []string, variables []string) {
	t.Helper()
	if len(line) == 0 {
		t.Error("there is no command")
		return
	}
	p := s.programs[line[0]]
	if p == nil {
		t.Errorf("%s is not in the image", line[0])
		return
	}
	p.takes(t, line[1:], variables)
}

func TestImages(t *testing.T) {
	const small = 40 << 20 // bytes
	for _, name := range []string{"waitgraph", "example"} {
		s := stages[name]
		if s == nil {
			t.Fatalf("there is no image %s", name)
		}
		if s.base != "scratch" || !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(s.user) {
			t.Errorf("%s is from %s and runs as %q", name, s.base, s.user)
		}
		if len(s.programs) == 0 {
			t.Errorf("%s is empty", name)
		}
		for at, p := range s.programs {
			f, err := elf.Open(p.file)
			if err != nil {
				t.Fatal(err)
			}
			if libraries, _ := f.ImportedLibraries(); len(libraries) > 0 || f.Section(".interp") != nil {
				t.Errorf("%s is not static: %v", at, libraries)
			}
			f.Close()
			if info, err := os.Stat(p.file); err != nil || info.Size() > small {
				t.Errorf("%s has %d bytes, %v", at, info.Size(), err)
			}
		}
	}
	d := stages["waitgraph"]
	d.takes(t, append(d.entrypoint, d.command...), nil)
}
