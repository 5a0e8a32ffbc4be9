export { Classifier, type ClassifierOptions } from './classifier.ts'
