export * from './lambda.js'
