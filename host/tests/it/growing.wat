;; A processor that grows its memory by a page per request: 200 if it got it, 599 if not. What it
;; is handed over it overwrites, since it looks at none of it.
(core module $guest
  (memory (export "memory") 1)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
    (i32.store16 (i32.const 0)
      (select (i32.const 599) (i32.const 200)
        (i32.eq (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.const 0))
  ;; 1024 is where nobody writes: zeros are `ok`, and a usage of nothing.
  (func (export "configure") (param i32 i32) (result i32) (i32.const 1024))
  (func (export "usage") (result i32) (i32.const 1024)))
