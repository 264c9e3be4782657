package main

import (
	"embed"
	"fmt"
	"os"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"For which shell: ${enum}."`
}

//go:embed completion
var scripts embed.FS

// Run prints a script that has a shell complete command lines.
func (c *completionCommand) Run(app *kong.Context) error {
	t := template.New(c.Shell).Funcs(template.FuncMap{"join": strings.Join, "quote": quote, "described": described})
	t, err := t.ParseFS(scripts, "completion/"+c.Shell)
	if err != nil {
		return fmt.Errorf("complete for %s: %w", c.Shell, err)
	}
	if err := t.Execute(os.Stdout, completions(app.Model.Node)); err != nil {
		return fmt.Errorf("complete for %s: %w", c.Shell, err)
	}
	return nil
}

// completion is what may follow the name of the program or of a command.
type completion struct {
	Name, Help string
	Flags      []completedFlag
	Files      bool     // arguments are files
	Words      []string // of which an argument is one
	Commands   []completion
}

// completedFlag is a flag and what may follow it.
type completedFlag struct {
	Name, Help string
	Bare       bool     // it takes no value
	Files      bool     // its value is a file
	Words      []string // of which its value is one
}

// completions takes them from where the command line is declared.
func completions(n *kong.Node) completion {
	c := completion{Name: n.Name, Help: brief(n.Help)}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			c.Flags = append(c.Flags, completedFlag{
				Name: f.Name, Help: brief(f.Help), Bare: f.IsBool(), Words: words(f.Value),
				Files: f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR",
			})
		}
	}
	for _, p := range n.Positional {
		c.Files = c.Files || p.Name == "file"
		c.Words = append(c.Words, words(p)...)
	}
	for _, child := range n.Children {
		c.Commands = append(c.Commands, completions(child))
	}
	return c
}

func words(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// brief returns the first sentence of a help text, without what stands in brackets.
func brief(help string) string {
	help, _, _ = strings.Cut(help, " (")
	help, _, _ = strings.Cut(help, ". ")
	return strings.TrimSuffix(help, ".")
}

// quote returns a word that none of the shells takes for anything else. In single
// quotes, fish knows the backslash, and the others do not; no help text has one.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'" }

// described escapes what ends a description in zsh.
func described(s string) string {
	return strings.NewReplacer(`:`, `\:`, `[`, `\[`, `]`, `\]`).Replace(s)
}
