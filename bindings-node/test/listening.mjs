// Loaded before a program that serves: its server listens on a free port of loopback, and the parent is told which.
import net from 'node:net'

const { listen } = net.Server.prototype
net.Server.prototype.listen = function (...args) {
  this.once('listening', () => process.send(this.address().port))
  return listen.call(this, 0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function'))
}
