// Command answer answers verify and sign vectors, one JSON object a line, as a published Go module does.
//
//	answer stripe-go | standard-webhooks
//
// Both read the system's clock: a vector of another time is skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v85/webhook"
)

// How far a vector's `now` may lie from the clock.
const present = 30 * time.Second

type vector struct {
	Scheme  string      `json:"scheme"`
	Secrets []any       `json:"secrets"`
	Now     int64       `json:"now"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body_base64"`
	Message *message    `json:"message"`
}

type message struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
}

type peer struct {
	scheme string
	sign   func(secret string, body []byte, message message) ([][2]string, error)
	verify func(secret string, body []byte, headers http.Header) error
}

var peers = map[string]peer{
	"stripe-go":         {"stripe", signStripe, verifyStripe},
	"standard-webhooks": {"standard-webhooks", signStandard, verifyStandard},
}

func main() {
	var asked peer
	if len(os.Args) == 2 {
		asked = peers[os.Args[1]]
	}
	if asked.verify == nil {
		fmt.Fprintln(os.Stderr, "usage: answer stripe-go | standard-webhooks")
		os.Exit(2)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var it vector
		if err := json.Unmarshal(lines.Bytes(), &it); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := answers.Encode(asked.answer(it)); err != nil {
			os.Exit(1)
		}
	}
}

func (asked peer) answer(it vector) map[string]any {
	if it.Scheme != asked.scheme {
		return map[string]any{"skip": "another scheme"}
	}
	secret, isText := "", false
	if len(it.Secrets) == 1 {
		secret, isText = it.Secrets[0].(string)
	}
	if !isText {
		return map[string]any{"skip": "takes one secret"}
	}
	if it.Message != nil {
		headers, err := asked.sign(secret, it.Body, *it.Message)
		if err != nil {
			return map[string]any{"error": "rejected"}
		}
		return map[string]any{"headers": headers}
	}
	if time.Since(time.Unix(it.Now, 0)).Abs() > present {
		return map[string]any{"skip": "reads the system's clock"}
	}
	headers := http.Header{}
	for _, pair := range it.Headers {
		headers.Add(pair[0], latin1(pair[1]))
	}
	if asked.verify(secret, it.Body, headers) != nil {
		return map[string]any{"error": "rejected"}
	}
	return map[string]any{"ok": map[string]any{}}
}

func signStripe(secret string, body []byte, it message) ([][2]string, error) {
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: body, Secret: secret, Timestamp: time.Unix(it.Timestamp, 0),
	})
	return [][2]string{{"Stripe-Signature", signed.Header}}, nil
}

func verifyStripe(secret string, body []byte, headers http.Header) error {
	return webhook.ValidatePayload(body, headers.Get("Stripe-Signature"), secret)
}

func signStandard(secret string, body []byte, it message) ([][2]string, error) {
	peer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	signature, err := peer.Sign(it.ID, time.Unix(it.Timestamp, 0), body)
	return [][2]string{
		{standardwebhooks.HeaderWebhookID, it.ID},
		{standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(it.Timestamp, 10)},
		{standardwebhooks.HeaderWebhookSignature, signature},
	}, err
}

func verifyStandard(secret string, body []byte, headers http.Header) error {
	peer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return peer.Verify(body, headers)
}

// latin1 turns each character of a header's value into the byte that it stands for.
func latin1(text string) string {
	bytes := make([]byte, 0, len(text))
	for _, letter := range text {
		bytes = append(bytes, byte(letter))
	}
	return string(bytes)
}
