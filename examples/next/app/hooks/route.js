import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/next'

const verifier = new Verifier({ secrets: process.env.HOOKSEAL_SECRET, replay: new ReplayGuard() })

export const POST = webhook(verifier, async ({ id, type, json }) => {
  console.log(JSON.stringify({ id, type, payload: json() }))
})
