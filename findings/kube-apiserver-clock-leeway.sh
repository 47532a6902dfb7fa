#!/usr/bin/env bash
# kube-apiserver's OIDC authenticator (k8s.io/apiserver v0.37.2, the code of Kubernetes 1.37.2) gives a token's three times
# three kinds of leeway.
#
# Anybody would guess one leeway for clocks that differ, or none. What it does:
# - exp has none: a token that expired a second ago is refused;
# - nbf has a minute: a token that begins in 55 s is taken, one that begins in 65 s is refused;
# - iat is not looked at: a token that was issued a year from now is taken, and so is one without it.
# So a client whose clock is 50 s behind the API server's goes on sending a token for 50 s after it has expired there, and
# hears a bare 401 each time, while the same difference is forgiven where a token begins.
#
# Needs Go. It signs six tokens with an RSA key of its own and asks the authenticator about each. Seen in November 2026:
#
#   exp an hour from now           taken
#   exp a second ago               refused: oidc: verify token: oidc: token is expired
#   nbf in 55 s                    taken
#   nbf in 65 s                    refused: oidc: verify token: oidc: current time
#   iat a year from now            taken
#   no iat                         taken
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'END'
module example.test/leeway

go 1.26.0

require (
	gopkg.in/go-jose/go-jose.v2 v2.6.3
	k8s.io/apiserver v0.37.2
)
END

cat > main.go <<'END'
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	jose "gopkg.in/go-jose/go-jose.v2"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

const issuer, client = "https://issuer.example", "kube"

// own is the issuer's one key.
type own struct{ key *rsa.PrivateKey }

func (o own) VerifySignature(_ context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSigned(token)
	if err != nil {
		return nil, err
	}
	return signed.Verify(&o.key.PublicKey)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	keys := own{must(rsa.GenerateKey(rand.Reader, 2048))}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: keys.key}, nil))
	none := ""
	judge := must(oidc.New(context.Background(), oidc.Options{
		KeySet: keys,
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: issuer, Audiences: []string{client}},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: &none},
			},
		},
	}))
	for _, one := range []struct {
		what, claim string
		seconds     int64
	}{
		{"exp an hour from now", "exp", 3600},
		{"exp a second ago", "exp", -1},
		{"nbf in 55 s", "nbf", 55},
		{"nbf in 65 s", "nbf", 65},
		{"iat a year from now", "iat", 365 * 86400},
		{"no iat", "iat", 0},
	} {
		now := time.Now().Unix()
		claims := map[string]any{"iss": issuer, "aud": client, "sub": "me", "iat": now, "exp": now + 3600}
		claims[one.claim] = now + one.seconds
		if one.seconds == 0 {
			delete(claims, one.claim)
		}
		token := must(must(signer.Sign(must(json.Marshal(claims)))).CompactSerialize())
		said := "taken"
		if _, taken, err := judge.AuthenticateToken(context.Background(), token); !taken {
			said = "refused: " + strings.Split(strings.Split(err.Error(), " (")[0], " 20")[0]
		}
		fmt.Printf("%-30s %s\n", one.what, said)
	}
}
END

go mod tidy > tidy.log 2>&1 || { cat tidy.log; exit 1; }
go run . | tee seen
diff - seen <<'END'
exp an hour from now           taken
exp a second ago               refused: oidc: verify token: oidc: token is expired
nbf in 55 s                    taken
nbf in 65 s                    refused: oidc: verify token: oidc: current time
iat a year from now            taken
no iat                         taken
END
