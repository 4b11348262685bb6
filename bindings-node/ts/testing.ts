export { fixture, fixtures, type Fixture } from './fixture.js'
export { FakeReceiver, type Answer, type FakeReceiverOptions, type ReceivedRequest } from './fakereceiver.js'
export { forgeries, signedRequest, TestClock, type Forgery, type SignedRequest, type SignedRequestOptions } from './request.js'
export { RecordingSender, type RecordedEvent, type RecordingSenderOptions } from './recording.js'
