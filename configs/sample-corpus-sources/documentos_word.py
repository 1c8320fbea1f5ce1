"""The Word documents of the sample corpus, built with python-docx."""
import datetime
import io
import zipfile

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

HOSPITAL = "Hospital Universitario de Demostración · Área de Salud de Demostración"
AVISO = "Documento de demostración. No usar en la asistencia."
ZIP_TIME = (2025, 2, 1, 0, 0, 0)


def campo_word(parrafo, instruccion):
    """Adds a Word field (PAGE, NUMPAGES) to a paragraph."""
    for tipo, texto in (("begin", None), (None, instruccion), ("end", None)):
        run = parrafo.add_run()
        if tipo:
            nodo = OxmlElement("w:fldChar")
            nodo.set(qn("w:fldCharType"), tipo)
        else:
            nodo = OxmlElement("w:instrText")
            nodo.set(qn("xml:space"), "preserve")
            nodo.text = texto
        run._r.append(nodo)


class Doc:
    def __init__(self, titulo, codigo, fecha, idioma="es-ES", aviso=AVISO, centro=HOSPITAL, pagina="Página"):
        d = self.d = Document()
        s = d.sections[0]
        s.page_width, s.page_height = Cm(21), Cm(29.7)
        s.left_margin = s.right_margin = Cm(2.2)
        s.top_margin = s.bottom_margin = Cm(2.2)
        normal = d.styles["Normal"]
        normal.font.name = "Calibri"
        normal.font.size = Pt(10.5)
        lang = OxmlElement("w:lang")
        lang.set(qn("w:val"), idioma)
        normal.element.get_or_add_rPr().append(lang)
        s.header.paragraphs[0].text = f"{centro}\t{codigo}"
        pie = s.footer.paragraphs[0]
        pie.add_run(aviso).bold = True
        pie.add_run(f"\t{pagina} ")
        campo_word(pie, "PAGE")
        pie.add_run(" / ")
        campo_word(pie, "NUMPAGES")
        cp = d.core_properties
        cp.title, cp.author, cp.last_modified_by = titulo, centro.split(" · ")[0], ""
        cp.language, cp.comments, cp.revision = idioma, aviso, 1
        cp.created = cp.modified = datetime.datetime(*fecha)
        d.add_heading(titulo, 0)

    def h(self, texto, nivel=1):
        self.d.add_heading(texto, nivel)

    def rico(self, p, texto):
        """**bold**, ^superscript^ and ~subscript~ in one paragraph."""
        trozo, negrita, sup, sub = "", False, False, False

        def volcar():
            nonlocal trozo
            if trozo:
                r = p.add_run(trozo)
                r.bold = negrita or None
                r.font.superscript = sup or None
                r.font.subscript = sub or None
                trozo = ""

        i = 0
        while i < len(texto):
            if texto.startswith("**", i):
                volcar()
                negrita = not negrita
                i += 2
                continue
            if texto[i] == "^":
                volcar()
                sup = not sup
            elif texto[i] == "~":
                volcar()
                sub = not sub
            else:
                trozo += texto[i]
            i += 1
        volcar()
        return p

    def p(self, texto):
        return self.rico(self.d.add_paragraph(), texto)

    def lista(self, *items, numerada=False):
        for it in items:
            self.rico(self.d.add_paragraph(style="List Number" if numerada else "List Bullet"), it)

    def tabla(self, cabecera, filas, anchos=None, uniones=()):
        """uniones: (row, col, row, col) ranges to merge; row 0 is the header."""
        t = self.d.add_table(rows=1 + len(filas), cols=len(cabecera), style="Table Grid")
        for f, fila in enumerate([cabecera] + filas):
            for c, texto in enumerate(fila):
                celda = t.cell(f, c)
                if texto:
                    self.rico(celda.paragraphs[0], f"**{texto}**" if f == 0 else texto)
                for q in celda.paragraphs:
                    q.paragraph_format.space_after = Pt(2)
                    for r in q.runs:
                        r.font.size = Pt(9.5)
        for a, b, c, d in uniones:
            m = t.cell(a, b).merge(t.cell(c, d))
            # merging leaves empty paragraphs behind the text
            for q in list(m.paragraphs)[1:]:
                if not q.text:
                    q._p.getparent().remove(q._p)
        trpr = t.rows[0]._tr.get_or_add_trPr()
        rep = OxmlElement("w:tblHeader")
        rep.set(qn("w:val"), "true")
        trpr.append(rep)
        if anchos:
            t.autofit = False
            for fila in t.rows:
                for celda, ancho in zip(fila.cells, anchos):
                    celda.width = Cm(ancho)
        self.d.add_paragraph()
        return t

    def bytes(self):
        crudo = io.BytesIO()
        self.d.save(crudo)
        crudo.seek(0)
        fijo = io.BytesIO()
        with zipfile.ZipFile(crudo) as a, zipfile.ZipFile(fijo, "w", zipfile.ZIP_DEFLATED) as b:
            for nombre in a.namelist():
                if nombre == "docProps/thumbnail.jpeg":
                    continue
                datos = a.read(nombre)
                if nombre == "_rels/.rels":
                    datos = quitar_miniatura(datos)
                info = zipfile.ZipInfo(nombre, ZIP_TIME)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o600 << 16
                b.writestr(info, datos)
        return fijo.getvalue()


def quitar_miniatura(datos):
    import re

    return re.sub(rb"<Relationship [^>]*thumbnail[^>]*/>", b"", datos)


def via_titulacion():
    d = Doc("Vía de titulación por enfermería en la insuficiencia cardíaca", "VIA-ENF-007 · Versión 2", (2025, 2, 24))
    d.p("En vigor desde el 24 de febrero de 2025. Desarrolla el capítulo 5 del protocolo de insuficiencia cardíaca, versión 3 (PRT-CAR-014). Responsable: supervisión de enfermería de la Unidad de Insuficiencia Cardíaca (UIC).")
    d.h("1. Objeto y alcance")
    d.p("La enfermera de la UIC ajusta las dosis de los fármacos de la insuficiencia cardíaca con fracción de eyección reducida (ICFEr, FEVI ≤ 40 %) dentro de los límites de esta vía y bajo prescripción del cardiólogo responsable, que firma el plan de titulación en la primera visita. El plan caduca a los **6 meses**.")
    d.h("1.1 Quién puede titular", 2)
    d.lista("Enfermeras con formación acreditada de 40 horas en insuficiencia cardíaca y 20 consultas supervisadas.",
            "Máximo de 12 pacientes por jornada: 45 minutos la primera visita y 20 minutos las sucesivas.",
            "Las llamadas de titulación se hacen de 12:00 a 14:00.")
    d.h("1.2 Quién no entra en la vía", 2)
    d.lista("Embarazo o deseo de embarazo.", "FGe < 20 ml/min/1,73 m^2^ o diálisis.", "TAS < 90 mmHg o clase NYHA IV.",
            "Bloqueo auriculoventricular de 2.º o 3.^er^ grado sin marcapasos.", "Descompensación en las últimas 48 horas.")
    d.h("2. Antes de cada aumento")
    d.p("Se aumenta la dosis cada **2 semanas** si se cumplen **todos** los criterios:")
    d.lista("TAS ≥ 95 mmHg y sin mareo.", "Frecuencia cardíaca (FC) ≥ 55 lpm.", "Potasio ≤ 5,0 mmol/l.",
            "FGe ≥ 30 ml/min/1,73 m^2^.", "Sin congestión nueva: peso estable (± 1 kg respecto al peso seco).", numerada=True)
    d.p("Se cambia **un solo fármaco por visita**. Orden de preferencia: primero el que está más lejos de su objetivo; ante la duda, el betabloqueante si la FC es ≥ 70 lpm, y ARNI o IECA si la TAS es ≥ 110 mmHg.")
    d.h("3. Escalones de dosis")
    d.tabla(["Grupo", "Fármaco", "Escalón 1", "Escalón 2", "Escalón 3", "Objetivo"], [
        ["Betabloqueantes", "Bisoprolol (c/24 h)", "1,25 mg", "2,5 mg", "5 mg", "10 mg"],
        ["", "Carvedilol (c/12 h)", "3,125 mg", "6,25 mg", "12,5 mg", "25 mg; 50 mg si peso ≥ 85 kg"],
        ["", "Nebivolol (c/24 h)", "1,25 mg", "2,5 mg", "5 mg", "10 mg"],
        ["IECA", "Enalapril (c/12 h)", "2,5 mg", "5 mg", "10 mg", "10–20 mg"],
        ["", "Ramipril (c/12 h)", "2,5 mg", "5 mg (objetivo)", "", ""],
        ["ARNI", "Sacubitrilo/valsartán (c/12 h)", "24/26 mg", "49/51 mg", "97/103 mg (objetivo)", ""],
        ["ARM", "Espironolactona (c/24 h)", "12,5 mg", "25 mg", "50 mg (objetivo 25–50 mg)", ""],
        ["", "Eplerenona (c/24 h)", "25 mg", "50 mg (objetivo)", "", ""],
        ["iSGLT2", "Dapagliflozina o empagliflozina (c/24 h)", "10 mg: dosis única, no se titula", "", "", ""],
        ["Otros", "Ivabradina (c/12 h)", "2,5 mg si ≥ 75 años", "5 mg", "7,5 mg (objetivo)", ""],
        ["", "Vericiguat (c/24 h)", "2,5 mg", "5 mg", "10 mg (objetivo)", ""],
    ], anchos=[2.4, 3.6, 2.6, 2.6, 2.6, 2.8],
        uniones=[(1, 0, 3, 0), (4, 0, 5, 0), (5, 3, 5, 5), (6, 4, 6, 5), (7, 0, 8, 0), (7, 4, 7, 5),
                 (8, 3, 8, 5), (9, 2, 9, 5), (10, 0, 11, 0), (10, 4, 10, 5), (11, 4, 11, 5)])
    d.p("El paso de IECA a sacubitrilo/valsartán lo prescribe el cardiólogo. La enfermera comprueba que han pasado **36 horas** desde la última toma del IECA y entrega por escrito el día y la hora de la primera toma.")
    d.h("4. Qué hacer con la analítica")
    d.tabla(["Resultado", "Enfermería", "¿Avisar al cardiólogo?"], [
        ["Potasio 5,1–5,5 mmol/l", "No subir ARM ni ARNI o IECA; revisar dieta y AINE; repetir en 1–2 semanas", "No"],
        ["Potasio 5,6–6,0 mmol/l", "Reducir a la mitad ARM y ARNI o IECA; repetir en 48–72 horas", "Sí, el mismo día"],
        ["Potasio > 6,0 mmol/l", "Suspender ARM y ARNI o IECA; ECG; enviar a urgencias", "Sí, de inmediato (ext. 00499)"],
        ["Creatinina: aumento ≤ 30 %", "Seguir", "No"],
        ["Creatinina: aumento 31–50 %", "No subir; repetir en 1–2 semanas", "Si se repite"],
        ["Creatinina: aumento > 50 %", "Reducir a la mitad; repetir en 1 semana", "Sí, el mismo día"],
        ["Creatinina > 3,5 mg/dl o FGe < 20", "Suspender el fármaco subido; repetir en 24–48 horas", "Sí, de inmediato"],
    ], anchos=[4.6, 7.4, 4.6])
    d.p("Analítica 1–2 semanas después de iniciar o subir ARNI o IECA. Con ARM, a las semanas 1 y 4. La muestra hemolizada se repite sin cambiar dosis.")
    d.h("5. Tensión y frecuencia")
    d.lista("TAS 90–94 mmHg sin síntomas: mantener dosis y revisar en 1 semana.",
            "TAS < 90 mmHg o mareo: reducir el diurético si no hay congestión y avisar al cardiólogo.",
            "FC 50–54 lpm: no subir el betabloqueante.",
            "FC < 50 lpm: ECG, bajar un escalón la ivabradina o el betabloqueante y avisar.",
            "FC ≥ 70 lpm en ritmo sinusal con betabloqueante al máximo tolerado y FEVI ≤ 35 %: proponer ivabradina.",
            "Pulso irregular no conocido: ECG el mismo día.")
    d.h("6. Calendario y registro")
    d.p("Llamada a las 48–72 horas del alta; visitas a los 7 días y a las 3 semanas; después cada 2 semanas hasta completar la titulación. En cada contacto se registra: TAS, FC, peso, NYHA, congestión, dosis de los cuatro grupos, efectos adversos y próxima cita. Si faltan **2 citas seguidas** se llama al paciente y se avisa a su centro de salud.")
    d.h("7. Fin de la vía")
    d.lista("Dosis objetivo o máxima tolerada de los cuatro grupos durante 4 semanas.",
            "Tres intentos fallidos de subir el mismo fármaco.", "Reingreso, criterio I-NEED-HELP o decisión del paciente.")
    d.p("Contacto: consulta de enfermería UIC, ext. 00417, de lunes a viernes de 8:00 a 15:00. Cardiólogo consultor, ext. 00420.")
    return d


def lista_alta():
    d = Doc("Lista de comprobación de alta en insuficiencia cardíaca", "LCA-CAR-009 · Versión 4", (2025, 2, 10))
    d.p("En vigor desde el 10 de febrero de 2025. Se empieza **48 horas antes** del alta prevista y se cierra el mismo día. La firma de enfermería es requisito para imprimir el informe. Archivo: historia electrónica, carpeta «Alta IC», 5 años.")
    d.p("Paciente: ____________________  N.º de historia: ____________  Fecha prevista de alta: ____ /____ /______")
    d.h("1. Estabilidad clínica")
    sec = ["Hecho", "Comprobación", "Criterio", "Responsable"]
    w = [1.4, 6.6, 5.6, 3.0]
    d.tabla(sec, [
        ["☐", "Euvolemia o congestión mínima aceptada", "Sin edemas por encima del tobillo; presión venosa normal", "Medicina"],
        ["☐", "Diurético oral", "≥ 24 horas con la misma dosis oral", "Medicina"],
        ["☐", "Tensión y frecuencia", "TAS ≥ 95 mmHg y FC < 100 lpm en las últimas 24 horas", "Enfermería"],
        ["☐", "Saturación", "≥ 92 % con aire (o la basal si EPOC)", "Enfermería"],
        ["☐", "Peso seco registrado", "En kg, con la báscula de la planta, en ayunas", "Enfermería"],
        ["☐", "Creatinina y potasio", "Del mismo día o del anterior; potasio 3,5–5,5 mmol/l", "Medicina"],
        ["☐", "NT-proBNP al alta", "Descenso > 30 % respecto al ingreso; si no, visita adelantada a 72 horas", "Medicina"],
    ], anchos=w)
    d.h("2. Tratamiento")
    d.tabla(sec, [
        ["☐", "Betabloqueante", "Iniciado o motivo escrito", "Medicina"],
        ["☐", "ARNI, IECA o ARA-II", "Iniciado o motivo escrito; lavado de 36 horas comprobado", "Medicina"],
        ["☐", "ARM", "Iniciado si potasio ≤ 5,0 mmol/l y FGe > 30", "Medicina"],
        ["☐", "iSGLT2", "Iniciado con cualquier FEVI o motivo escrito", "Medicina"],
        ["☐", "Dosis de al menos el 50 % del objetivo", "Si TAS, FC, potasio y FGe lo permiten", "Medicina"],
        ["☐", "Ferropenia", "Ferritina e IST medidos; hierro intravenoso puesto o citado", "Medicina"],
        ["☐", "Anticoagulación si FA", "Según NOT-CAR-021", "Medicina"],
        ["☐", "Conciliación", "Hoja de medicación entregada; AINE retirados", "Farmacia (ext. 00380)"],
        ["☐", "Vacunas", "Gripe y neumococo puestas o citadas", "Enfermería"],
    ], anchos=w)
    d.h("3. Educación y apoyo")
    d.tabla(sec, [
        ["☐", "Se pesa solo y sabe cuándo avisar", "Más de 2 kg en 3 días", "Enfermería"],
        ["☐", "Conoce la pauta flexible de diurético", "Explica con sus palabras (técnica de devolución)", "Enfermería"],
        ["☐", "Conoce los signos de alarma", "Nombra al menos 3", "Enfermería"],
        ["☐", "Hoja del paciente entregada", "HOJ-PAC-011", "Enfermería"],
        ["☐", "Báscula y tensiómetro en casa", "Si no tiene: Trabajo social (ext. 00715)", "Trabajo social"],
        ["☐", "Voluntades y desactivación de DAI", "Preguntado si enfermedad avanzada", "Medicina"],
    ], anchos=w)
    d.h("4. Citas e informe")
    d.tabla(sec, [
        ["☐", "Llamada de enfermería", "48–72 horas", "Enfermería UIC"],
        ["☐", "Visita de enfermería con analítica", "7 días", "Enfermería UIC"],
        ["☐", "Visita de cardiología", "14 días", "Admisión (ext. 00600)"],
        ["☐", "Rehabilitación cardíaca", "Solicitada o motivo escrito", "Medicina"],
        ["☐", "Informe enviado al centro de salud", "El mismo día, por vía electrónica", "Medicina"],
        ["☐", "Transporte", "Pedido 24 horas antes si no puede ir por sus medios", "Enfermería"],
    ], anchos=w)
    d.p("Si quedan **dos o más** casillas sin marcar en los apartados 1 o 2, el alta se comenta con el cardiólogo consultor (ext. 00420) antes de firmarla.")
    d.p("Firma de medicina (cargo): ______________     Firma de enfermería (cargo): ______________     Hora: ________")
    return d


def consentimiento():
    d = Doc("Consentimiento informado: implante de desfibrilador automático implantable (DAI)", "CI-DAI-003 · Versión 3", (2025, 1, 20))
    d.p("En vigor desde el 20 de enero de 2025. Unidad de Arritmias, ext. 00475. Este documento se entrega al menos **24 horas antes** del procedimiento, salvo urgencia. Se firman dos ejemplares: uno para el paciente y otro para la historia.")
    d.h("1. ¿Qué es y para qué sirve?")
    d.p("El DAI es un generador pequeño que se coloca bajo la piel, cerca de la clavícula, unido al corazón por uno o varios cables (electrodos). Vigila el ritmo y, si detecta una arritmia ventricular que pone en peligro la vida, la corta con estimulación rápida o con una descarga. **No mejora los síntomas de la insuficiencia cardíaca ni sustituye a la medicación.** Cuando además resincroniza el corazón se llama TRC-D.")
    d.h("2. ¿Por qué se lo proponemos?")
    d.lista("☐ Prevención primaria: FEVI ≤ 35 % tras al menos 3 meses de tratamiento óptimo y, si tuvo un infarto, pasados al menos 40 días.",
            "☐ Prevención secundaria: ha sufrido una parada cardíaca o una taquicardia ventricular mal tolerada.",
            "☐ Otra indicación: ______________________________________________")
    d.h("3. ¿Cómo se hace?")
    d.p("Con anestesia local y sedación. Se hace una incisión de 4–6 cm bajo la clavícula, se llevan los electrodos por una vena con ayuda de rayos X y se comprueban. Dura entre 60 y 120 minutos. Se da antibiótico preventivo 30–60 minutos antes. Lo habitual es quedarse ingresado 24 horas. En ayunas desde 6 horas antes (2 horas para líquidos claros). No deje los anticoagulantes por su cuenta: le diremos qué hacer.")
    d.h("4. Riesgos")
    d.tabla(["Complicación", "Frecuencia aproximada", "Qué se hace"], [
        ["Hematoma en la bolsa", "2–5 %", "Vigilancia; rara vez drenaje"],
        ["Desplazamiento de un electrodo", "2–3 %", "Recolocación"],
        ["Neumotórax", "1 %", "Observación o drenaje"],
        ["Infección de la bolsa o de los electrodos", "1–2 %", "Antibiótico y retirada del sistema"],
        ["Perforación o taponamiento", "< 1 %", "Drenaje urgente o cirugía"],
        ["Trombosis de la vena del brazo", "1–3 %", "Anticoagulación"],
        ["Muerte por el procedimiento", "< 0,5 %", "—"],
        ["Descargas inapropiadas (a lo largo de la vida)", "2–5 % al año", "Reprogramación"],
    ], anchos=[6.2, 4.6, 5.8])
    d.p("Riesgos personales de este paciente: ____________________________________________")
    d.h("5. Alternativas")
    d.p("Seguir solo con medicación; DAI subcutáneo (sin cables dentro del corazón) si no necesita estimulación; chaleco desfibrilador durante un tiempo limitado. No hacer nada también es una opción: su equipo le explicará el riesgo.")
    d.h("6. Después del implante")
    d.lista("No levante el brazo del lado del implante por encima del hombro ni cargue más de 5 kg durante **4 semanas**.",
            "Las grapas o puntos se retiran a los 8–10 días en su centro de salud.",
            "Primera revisión a las 6–8 semanas; después cada 6 meses, o cada 12 meses con seguimiento remoto.",
            "El generador dura de 7 a 12 años; luego se recambia.",
            "Conducción de turismos: espere 2 semanas si el DAI es preventivo (primaria) y 3 meses si es por una arritmia o tras una descarga apropiada. La conducción profesional no está permitida. Prevalece la norma vigente en cada momento.",
            "Teléfono móvil a más de 15 cm del generador. Puede usar el microondas. Antes de una resonancia, avise.",
            "Si recibe **una** descarga y se encuentra bien, llame a la ext. 00475 en horario de 8:00 a 15:00. Si recibe **dos o más en 24 horas** o se encuentra mal, llame al 112.")
    d.h("7. Desactivación")
    d.p("Usted puede pedir en cualquier momento que se desactiven las descargas, por ejemplo si la enfermedad avanza. No duele, no necesita cirugía y no acelera la muerte. La desactivación no apaga el marcapasos.")
    d.h("8. Declaración")
    d.p("He leído y entendido este documento, he podido preguntar y sé que puedo **revocar** el consentimiento sin dar explicaciones y sin que cambie el resto de mi atención (Ley 41/2002).")
    d.tabla(["", "Nombre y DNI", "Firma", "Fecha y hora"], [
        ["Paciente", "", "", ""], ["Representante (si procede)", "", "", ""],
        ["Médico que informa (cargo)", "", "", ""], ["Revocación", "", "", ""],
    ], anchos=[4.6, 4.6, 3.8, 3.6])
    return d


def transporte():
    d = Doc("Solicitud de transporte sanitario no urgente", "FOR-ADM-018 · Versión 6", (2025, 1, 13))
    d.p("En vigor desde el 13 de enero de 2025. Unidad de Transporte, ext. 00610, de lunes a viernes de 8:00 a 20:00 y sábados de 9:00 a 14:00. El transporte urgente se pide siempre al 112.")
    d.h("1. Normas")
    d.lista("**Plazo**: consultas, pruebas y rehabilitación se piden con al menos **48 horas** de antelación. Altas de planta: 24 horas antes y, como muy tarde, antes de las 12:00 del día del alta.",
            "**Criterio clínico**: imposibilidad física para usar medios propios o transporte público. La distancia o la falta de vehículo no son motivo.",
            "**Quién firma**: médico responsable. Enfermería puede tramitar, pero no firmar.",
            "**Acompañante**: uno, solo si el paciente es menor, tiene deterioro cognitivo, discapacidad sensorial grave o lo justifica el médico.",
            "**Oxígeno**: indique el flujo; más de 4 l/min exige ambulancia con enfermería.",
            "**Sillas de ruedas eléctricas** y equipaje de más de 10 kg no se transportan.",
            "**Anulación**: antes de las 18:00 del día anterior. Tres faltas sin avisar en 6 meses obligan a nueva justificación.",
            "**Espera**: hasta 60 minutos antes y 60 minutos después de la cita.",
            "**Validez** de una solicitud repetida (hospital de día, rehabilitación): 3 meses.", numerada=True)
    d.h("2. Datos del paciente")
    d.tabla(["Campo", "Dato", "Campo", "Dato"], [
        ["Nombre", "", "N.º de historia", ""], ["Domicilio y piso", "", "Ascensor", "☐ Sí   ☐ No"],
        ["Teléfono", "", "Peso (kg)", ""], ["Origen", "", "Destino", ""],
        ["Fecha y hora de la cita", "", "Vuelta", "☐ Sí   ☐ No"],
    ], anchos=[4.2, 4.2, 4.0, 4.2])
    d.h("3. Tipo de vehículo")
    d.tabla(["Marcar", "Vehículo", "Cuándo"], [
        ["☐", "Colectivo, sentado", "Camina con ayuda; sin oxígeno o hasta 2 l/min"],
        ["☐", "Silla de ruedas", "No camina, pero se mantiene sentado"],
        ["☐", "Individual, camilla", "Decúbito obligado, aislamiento o cuidados paliativos"],
        ["☐", "Con enfermería", "Oxígeno > 4 l/min, perfusión intravenosa o monitorización"],
    ], anchos=[2.0, 5.0, 9.6])
    d.h("4. En insuficiencia cardíaca")
    d.p("Se justifica el transporte si el paciente está en clase NYHA III–IV, precisa oxígeno o acude al hospital de día para diurético o levosimendán intravenosos. En NYHA I–II solo se concede por otra causa. No se traslada en transporte no urgente a quien tenga signos de alarma (disnea de reposo, TAS < 90 mmHg o saturación < 90 %).")
    d.h("5. Justificación y firma")
    d.p("Motivo clínico: ______________________________________________________________")
    d.p("Médico responsable (cargo): ____________________     Fecha: ____ /____ /______     Firma: ______________")
    d.p("Resolución de la Unidad de Transporte: ☐ Concedido   ☐ Denegado. La denegación se comunica en 24 horas y puede reclamarse en Atención al paciente (ext. 00700).")
    return d


def euskara():
    d = Doc("Bihotz-gutxiegitasuna: altaren ondoko jarraipena", "OH-EU-006 · 1. bertsioa", (2025, 3, 24), idioma="eu-ES",
            aviso="Erakustaldirako dokumentua. Ez erabili asistentzian.",
            centro="Erakustaldiko Unibertsitate Ospitalea · Erakustaldiko Osasun Eremua", pagina="Orrialdea")
    d.p("Indarrean 2025eko martxoaren 24tik. Ohar honek ospitaleko protokoloaren 3. bertsioa laburbiltzen du, lehen mailako arretako taldeentzat.")
    d.h("1. Norentzat")
    d.p("Bihotz-gutxiegitasunagatik ospitalean egon diren helduentzat da, ejekzio-frakzioa edozein dela ere. Altaren aurretik, ospitaleko erizainak lehen hitzordua ematen dio pazienteari.")
    d.h("2. Jarraipen-egutegia")
    d.tabla(["Noiz", "Nork", "Zer"], [
        ["48–72 ordu", "Unitateko erizaintza, telefonoz", "Pisua, disnea, edemak eta medikazioa"],
        ["7 egun", "Unitateko erizaintza, aurrez aurre", "Kongestioa, odol-analisia eta dosien doikuntza"],
        ["14 egun", "Kardiologia", "Azterketa fisikoa, NT-proBNP eta dosien doikuntza"],
        ["3 aste", "Unitateko erizaintza", "Dosien doikuntza eta odol-analisia"],
        ["6 aste", "Kardiologia", "Lortutako dosiak, burdina eta errehabilitazioa"],
        ["3 hilabete", "Kardiologia", "Ekokardiograma eta gailuei buruzko erabakia"],
        ["6 hilabetean behin", "Familia-medikua", "Egoera klinikoa, odol-analisia eta txertoak"],
    ], anchos=[3.4, 5.6, 7.6])
    d.p("Zahar-etxeetan, 7 eguneko bisita lehen mailako arretako taldeak egin dezake.")
    d.h("3. Alarma-zeinuak")
    d.p("**Deitu 112 zenbakira edo guardiako kardiologiara (00499 luzapena, 24 orduz)** zeinu hauetakoren bat agertuz gero:")
    d.lista("Atsedenean arnasestua izatea, edo lo egiteko eserita egon beharra.",
            "Oxigeno-saturazioa % 90etik behera.",
            "Presio arterial sistolikoa 90 mmHg-tik behera, zorabioarekin, hotzarekin edo nahasmenarekin.",
            "Bularreko mina, sinkopea edo ondo jasaten ez diren palpitazioak.",
            "Potasioa 6,0 mmol/l-tik gora.",
            "Desfibriladorearen bi deskarga edo gehiago 24 ordutan.")
    d.h("4. Pisua eta diuretikoa")
    d.p("Pazienteak goizero pisatu behar du bere burua, pixa egin ondoren eta gosaldu baino lehen. **Pisua 3 egunean 2 kg baino gehiago igotzen bada**, diuretikoaren dosia bikoiztu behar du 3 egunez, eta erizaintzako kontsultara deitu (00417 luzapena). 48 ordutan hobetzen ez bada, eguneko ospitalera bideratuko da (00431 luzapena). Pisua pisu lehorretik 2 kg baino gehiago jaisten bada edo zorabioak badaude, dosia erdira jaitsi eta odol-analisia egin behar da 72 orduko epean.")
    d.h("5. Botikak eta dosiak (ejekzio-frakzio murriztua, ≤ % 40)")
    d.tabla(["Botika", "Hasierako dosia", "Helburuko dosia", "Maiztasuna"], [
        ["Bisoprolola", "1,25 mg", "10 mg", "24 orduan behin"],
        ["Enalaprila", "2,5 mg", "10–20 mg", "12 orduan behin"],
        ["Sakubitriloa/valsartana", "49/51 mg (24/26 mg hauskortasuna badago)", "97/103 mg", "12 orduan behin"],
        ["Espironolaktona", "12,5–25 mg", "25–50 mg", "24 orduan behin"],
        ["Dapagliflozina edo enpagliflozina", "10 mg", "10 mg", "24 orduan behin"],
    ], anchos=[4.8, 4.8, 3.4, 3.6])
    d.p("Dosiak **2 astean behin** igotzen dira, baldintza hauek betez gero: presio arterial sistolikoa ≥ 95 mmHg, bihotz-maiztasuna ≥ 55 taupada minutuko, potasioa ≤ 5,0 mmol/l eta iragazte glomerularra ≥ 30 ml/min/1,73 m^2^. Enalapriletik sakubitrilora/valsartanera aldatzeko, **36 ordu** itxaron behar da azken dositik. Ejekzio-frakzioa murriztuta badago, ez erabili ibuprofenoa eta antzeko antiinflamatorioak, ez diltiazema, ezta verapamiloa ere.")
    d.h("6. Aholkuak pazientearentzat")
    d.lista("Gatza: 5 g baino gutxiago egunean.", "Likidoak: ez dago mugatu beharrik, taldeak hala agindu ezean.",
            "Ibili 30 minutu, astean 5 egunetan.", "Hartu gripearen txertoa udazkenero.",
            "Oka egiten baduzu edo beherakoa baduzu eta ezin baduzu jan, utzi dapagliflozina edo enpagliflozina hartzeari eta deitu kontsultara.")
    d.h("7. Telefonoak (fikziozkoak)")
    d.p("Bihotz-gutxiegitasuneko erizaintza: 00417 luzapena, astelehenetik ostiralera, 8:00etatik 15:00etara. Kardiologo aholkularia: 00420 luzapena. Kontsulta elektronikoei 3 egun baliodunen barruan erantzuten zaie.")
    return d


TODOS = {
    "via-titulacion-enfermeria": via_titulacion,
    "lista-comprobacion-alta": lista_alta,
    "consentimiento-informado-dai": consentimiento,
    "solicitud-transporte-sanitario": transporte,
    "bihotz-gutxiegitasuna-jarraipena": euskara,
}


def build(out, only=()):
    for nombre, hacer in TODOS.items():
        if only and nombre not in only:
            continue
        datos = hacer().bytes()
        (out / f"{nombre}.docx").write_bytes(datos)
        yield f"{nombre}.docx", len(datos)
