// Receives webhooks: HOOKSEAL_SECRET=whsec_… PORT=3000 node dist/main.js
import 'reflect-metadata'
import { Body, Controller, HttpCode, Injectable, Module, Post, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ReplayGuard, Verifier } from 'hookseal'
import { Webhook, WebhookGuard, type WebhookEvent } from 'hookseal/nest'

@Injectable()
class Settings {
  readonly secret = process.env.HOOKSEAL_SECRET ?? ''
}

@Injectable()
class ShopGuard extends WebhookGuard {
  constructor(settings: Settings) {
    super(new Verifier({ secrets: settings.secret, replay: new ReplayGuard() }))
  }
}

@Controller()
class Controllers {
  @Post('hooks')
  @HttpCode(204)
  @UseGuards(ShopGuard)
  receive(@Webhook() { id, type, json }: WebhookEvent) {
    console.log(JSON.stringify({ id, type, payload: json() }))
  }

  @Post('orders')
  order(@Body() body: unknown) {
    return { received: body } // parsed by Nest, as ever
  }
}

@Module({ controllers: [Controllers], providers: [Settings] })
class AppModule {}

const app = await NestFactory.create(AppModule, { rawBody: true, logger: ['error'] })
await app.listen(Number(process.env.PORT ?? 0))
console.log(`listening on ${await app.getUrl()}/hooks`)
