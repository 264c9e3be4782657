package check

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// TestManifests: kustomize builds them, each object has no field that its kind
// does not know, and what the pods run exists.
func TestManifests(t *testing.T) {
	for dir, want := range map[string]map[string]int{
		"detector": {"Deployment": 1, "Service": 1, "NetworkPolicy": 1, "PodDisruptionBudget": 1},
		"example":  {"Deployment": 4},
	} {
		t.Run(dir, func(t *testing.T) {
			objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes/"+dir)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]int)
			for _, o := range objects.Resources() {
				got[o.GetKind()]++
				text, err := o.AsYAML()
				if err != nil {
					t.Fatal(err)
				}
				object(t, o.GetKind(), o.GetName(), text)
			}
			for kind, n := range want {
				if got[kind] != n {
					t.Errorf("%d of %s, want %d", got[kind], kind, n)
				}
			}
		})
	}
}

func object(t *testing.T, kind, name string, text []byte) {
	t.Helper()
	strictly := func(into any) {
		if err := yaml.UnmarshalStrict(text, into); err != nil {
			t.Errorf("%s %s: %v", kind, name, err)
		}
	}
	switch kind {
	case "Deployment":
		d := new(appsv1.Deployment)
		strictly(d)
		deployment(t, d)
	case "Service":
		s := new(corev1.Service)
		strictly(s)
		if len(s.Spec.Selector) == 0 {
			t.Errorf("the service %s selects nothing", name)
		}
	case "NetworkPolicy":
		p := new(networkingv1.NetworkPolicy)
		strictly(p)
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("the policy %s selects everything", name)
		}
	case "PodDisruptionBudget":
		b := new(policyv1.PodDisruptionBudget)
		strictly(b)
		if len(b.Spec.Selector.MatchLabels) == 0 {
			t.Errorf("the budget %s selects everything", name)
		}
	default:
		t.Errorf("nobody has checked a %s", kind)
	}
}

func deployment(t *testing.T, d *appsv1.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	for label, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[label] != value {
			t.Errorf("%s does not select its own pods", d.Name)
		}
	}
	if d.Labels["waitgraph/sidecar"] == "true" && (len(pod.InitContainers) != 1 || *pod.InitContainers[0].RestartPolicy != corev1.ContainerRestartPolicyAlways) {
		t.Errorf("%s has no sidecar", d.Name)
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		container(t, &c)
	}
}

func container(t *testing.T, c *corev1.Container) {
	t.Helper()
	image, _, _ := strings.Cut(c.Image[strings.LastIndex(c.Image, "/")+1:], ":")
	s := stages[strings.TrimPrefix(image, "waitgraph-")]
	if s == nil {
		t.Fatalf("%s runs %s, which nobody builds", c.Name, c.Image)
	}
	line := slices.Concat(c.Command, c.Args)
	if c.Command == nil {
		line = slices.Concat(s.entrypoint, c.Args)
	}
	var variables []string
	for _, v := range c.Env {
		variables = append(variables, v.Name)
		if strings.Contains(v.Value, "://") {
			t.Errorf("%s has a URL in plain: %s", c.Name, v.Name)
		}
	}
	s.takes(t, line, variables)
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p != nil && p.Exec != nil {
			s.takes(t, p.Exec.Command, nil)
		}
		if p != nil && p.HTTPGet != nil && p.HTTPGet.Path != "/livez" && p.HTTPGet.Path != "/readyz" {
			t.Errorf("%s is probed at %s", c.Name, p.HTTPGet.Path)
		}
	}
	if sc := c.SecurityContext; sc == nil || *sc.AllowPrivilegeEscalation || !*sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("%s may do too much", c.Name)
	}
}
