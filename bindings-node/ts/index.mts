// One set of classes for both module systems, so that instanceof holds across them.
export * from './index.js'
