;; A processor that does with the canonical ABI what its requests say. `received-at` chooses:
;;   0  the body is copied to 4096, and its first four bytes are the address that `handle` returns
;;   1  the response has the header fields and the body of the request; 2: the path is the body; 3: the method
;;   4  the body is `received-at` itself
;;   5  from now on, `cabi_realloc` returns the first four bytes of the body; 0 stands for usual addresses
;;   6  from now on, `usage`; 7 `configure`: returns the first four bytes of the body
(memory (export "memory") 4)
(global $next (mut i32) (i32.const 65536))
(global $given (mut i32) (i32.const 0))
(global $usage (mut i32) (i32.const 512))
(global $ended (mut i32) (i32.const 0))
(func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
  (result i32)
  (local $address i32)
  (if (global.get $given) (then (return (global.get $given))))
  (local.set $address (i32.and
    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $next (i32.add (local.get $address) (local.get $new)))
  (local.get $address))
(func (export "arenaria:processor/handler@0.1.0#handle")
  (param $method i32) (param $method-length i32) (param $path i32) (param $path-length i32)
  (param $headers i32) (param $headers-length i32) (param $body i32) (param $body-length i32)
  (param $received-at i64) (result i32)
  ;; An empty response at 256. Its status says how many results were freed.
  (i32.store (i32.const 256) (i32.add (i32.const 200) (global.get $ended)))
  (i64.store (i32.const 260) (i64.const 4))
  (i64.store (i32.const 268) (i64.const 1))
  (if (i64.eq (local.get $received-at) (i64.const 0)) (then
    (memory.copy (i32.const 4096) (local.get $body) (local.get $body-length))
    (return (i32.load (local.get $body)))))
  (if (i64.eq (local.get $received-at) (i64.const 1)) (then
    (i32.store (i32.const 260) (local.get $headers))
    (i32.store (i32.const 264) (local.get $headers-length))
    (i32.store (i32.const 268) (local.get $body))
    (i32.store (i32.const 272) (local.get $body-length))))
  (if (i64.eq (local.get $received-at) (i64.const 2)) (then
    (i32.store (i32.const 268) (local.get $path))
    (i32.store (i32.const 272) (local.get $path-length))))
  (if (i64.eq (local.get $received-at) (i64.const 3)) (then
    (i32.store (i32.const 268) (local.get $method))
    (i32.store (i32.const 272) (local.get $method-length))))
  (if (i64.eq (local.get $received-at) (i64.const 5)) (then
    (global.set $given (i32.load (local.get $body)))))
  (if (i64.eq (local.get $received-at) (i64.const 6)) (then
    (global.set $usage (i32.const 4096))
    (memory.copy (i32.const 4096) (local.get $body) (local.get $body-length))
    (global.set $usage (i32.load (local.get $body)))))
  (if (i64.ge_u (local.get $received-at) (i64.const 8)) (then
    (i64.store (i32.const 1024) (local.get $received-at))
    (i32.store (i32.const 268) (i32.const 1024))
    (i32.store (i32.const 272) (i32.const 8))))
  ;; The next request finds room again.
  (global.set $next (i32.const 65536))
  (i32.const 256))
(func (export "cabi_post_arenaria:processor/handler@0.1.0#handle") (param i32)
  (global.set $ended (i32.and (i32.add (global.get $ended) (i32.const 1)) (i32.const 63))))
(func (export "arenaria:processor/lifecycle@0.1.0#configure")
  (param $settings i32) (param $length i32) (result i32)
  ;; With a setting, the text of its value is an error.
  (if (local.get $length) (then
    (i32.store (i32.const 300) (i32.const 1))
    (i64.store (i32.const 304) (i64.load offset=8 (local.get $settings)))))
  (i32.const 300))
(func (export "arenaria:processor/memory@0.1.0#usage") (result i32) (global.get $usage))
