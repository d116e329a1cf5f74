const fs = require('fs');
fs.mkdirSync('dist');
fs.copyFileSync('index.js', 'dist/index.js');
