const test = require('node:test');
const assert = require('node:assert');
test('answer', () => assert.equal(require('../index.js'), 42));
