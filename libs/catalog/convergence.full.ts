import './convergence.test.ts';
