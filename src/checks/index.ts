export { egress, noEgress, NO_WAY_OUT } from './egress.ts';
export { reach } from './reach.ts';
export { spread } from './spread.ts';
export { CONTROLLER } from './vantage.ts';
