package main

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
)

type object = map[string]any

// serve starts an API server that trusts as told. It knows SelfSubjectReview and has no pods.
func serve(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Trust
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pair, err := tls.X509KeyPair([]byte(asked.Certificate), []byte(asked.Key))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	one, err := New(asked.Trust)
	if err != nil {
		answer(w, http.StatusOK, object{"error": err.Error()})
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	server := &http.Server{
		Handler:   one,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	go server.ServeTLS(listener, "", "")
	answer(w, http.StatusOK, object{"url": "https://" + listener.Addr().String()})
}

func (j *Judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one := j.verdict(r.Header.Get("Authorization"))
	if one.Error != "" {
		answer(w, http.StatusUnauthorized, failure(http.StatusUnauthorized, "Unauthorized", "Unauthorized"))
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /apis/authentication.k8s.io/v1/selfsubjectreviews":
		who := object{"username": one.Username, "groups": append(one.Groups, "system:authenticated")}
		if one.UID != "" {
			who["uid"] = one.UID
		}
		if len(one.Extra) > 0 {
			who["extra"] = one.Extra
		}
		answer(w, http.StatusCreated, object{
			"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": object{},
			"status": object{"userInfo": who},
		})
	case "GET /version":
		answer(w, http.StatusOK, object{"major": "1", "minor": "37", "gitVersion": "v1.37.2-judge"})
	case "GET /api":
		answer(w, http.StatusOK, object{"kind": "APIVersions", "versions": []string{"v1"}})
	case "GET /apis":
		version := object{"groupVersion": "authentication.k8s.io/v1", "version": "v1"}
		group := object{"name": "authentication.k8s.io", "versions": []object{version}, "preferredVersion": version}
		answer(w, http.StatusOK, object{"kind": "APIGroupList", "apiVersion": "v1", "groups": []object{group}})
	case "GET /api/v1":
		answer(w, http.StatusOK, resources("v1", object{
			"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": []string{"list"},
		}))
	case "GET /apis/authentication.k8s.io/v1":
		answer(w, http.StatusOK, resources("authentication.k8s.io/v1", object{
			"name": "selfsubjectreviews", "singularName": "selfsubjectreview", "namespaced": false,
			"kind": "SelfSubjectReview", "verbs": []string{"create"},
		}))
	case "GET /api/v1/namespaces/default/pods":
		answer(w, http.StatusOK, object{"kind": "PodList", "apiVersion": "v1", "metadata": object{}, "items": []object{}})
	default:
		answer(w, http.StatusNotFound, failure(http.StatusNotFound, "NotFound", "there is no such resource"))
	}
}

func resources(version string, one object) object {
	return object{"kind": "APIResourceList", "groupVersion": version, "resources": []object{one}}
}

func failure(code int, reason, message string) object {
	return object{
		"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure",
		"message": message, "reason": reason, "code": code,
	}
}
