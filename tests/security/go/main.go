// Says of connections whether NetworkPolicies allow them, by Cyclonus' reading of the policies.
//
// On standard input: {"policies": [NetworkPolicy…], "connections": [{"from", "to", "port", "name",
// "protocol"}…]}, where a peer is {"namespace", "namespaceLabels", "labels", "ip"} or, outside of the
// cluster, {"ip"} alone. On standard output: [true, false, …], in the same order.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type peer struct {
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Labels          map[string]string `json:"labels"`
	IP              string            `json:"ip"`
}

type connection struct {
	From     peer            `json:"from"`
	To       peer            `json:"to"`
	Port     int             `json:"port"`
	Name     string          `json:"name"`
	Protocol corev1.Protocol `json:"protocol"`
}

type question struct {
	Policies    []*networkingv1.NetworkPolicy `json:"policies"`
	Connections []connection                  `json:"connections"`
}

func (p peer) traffic() *matcher.TrafficPeer {
	if p.Namespace == "" {
		return &matcher.TrafficPeer{IP: p.IP}
	}
	pod := matcher.InternalPeer{
		Namespace: p.Namespace, NamespaceLabels: p.NamespaceLabels, PodLabels: p.Labels,
	}
	return &matcher.TrafficPeer{IP: p.IP, Internal: &pod}
}

func main() {
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	var asked question
	if err := decoder.Decode(&asked); err != nil {
		log.Fatal(err)
	}
	policy := matcher.BuildNetworkPolicies(false, asked.Policies)
	answers := []bool{}
	for _, one := range asked.Connections {
		answers = append(answers, policy.IsTrafficAllowed(&matcher.Traffic{
			Source: one.From.traffic(), Destination: one.To.traffic(),
			ResolvedPort: one.Port, ResolvedPortName: one.Name, Protocol: one.Protocol,
		}).IsAllowed())
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}
