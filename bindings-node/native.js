'use strict'
// Loads the addon for this platform: the one built in this folder, or the one of its platform package.

const { readFileSync } = require('node:fs')

const { platform, arch } = process

/** The names of napi's targets in package.json. */
function target() {
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`
}

function isMusl() {
  try {
    return readFileSync('/usr/bin/ldd', 'latin1').includes('musl')
  } catch {
    process.report.excludeNetwork = true
    return !process.report.getReport().header.glibcVersionRuntime
  }
}

function load() {
  const name = target()
  const reasons = []
  for (const path of [`./hookseal.${name}.node`, `hookseal-${name}`]) {
    try {
      return require(path)
    } catch (error) {
      reasons.push(error.code === 'MODULE_NOT_FOUND' ? `${path} is not installed` : `${path}: ${error.message}`)
    }
  }
  throw new Error(
    `hookseal has no binary that runs here (${name}, Node ${process.versions.node}): ${reasons.join('; ')}. ` +
    `Platform packages are optional dependencies: install again without --omit=optional or --no-optional, and on this platform ` +
    `rather than copying node_modules. Where there is no package for ${name}, 'hookseal/edge' signs and verifies without a binary`,
  )
}

module.exports = load()
